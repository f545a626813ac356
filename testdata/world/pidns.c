/* The current task in its PID namespace; the script says which that is. */
#include "w.h"

NOTES(16)

__u64 dev, ino;
struct bpf_pidns_info info;

SEC("raw_tp")
int same(void *ctx)
{
	NOTE(0, bpf_get_ns_current_pid_tgid(dev, ino, &info, sizeof(info)));
	NOTE(1, info.pid != 0);
	NOTE(2, info.tgid);
	info.pid = 0;
	return 0;
}

SEC("raw_tp")
int other(void *ctx)
{
	info.pid = info.tgid = 7;
	NOTE(3, bpf_get_ns_current_pid_tgid(dev, ino + 1, &info, sizeof(info)));
	NOTE(4, info.pid);
	info.pid = info.tgid = 7;
	NOTE(5, bpf_get_ns_current_pid_tgid(dev + 1, ino, &info, sizeof(info)));
	NOTE(6, info.tgid);
	info.pid = info.tgid = 7;
	NOTE(7, bpf_get_ns_current_pid_tgid(dev | 1ULL << 40, ino, &info, sizeof(info)));
	info.pid = info.tgid = 7;
	NOTE(8, bpf_get_ns_current_pid_tgid(dev, ino, &info, 4));
	NOTE(9, info.pid);
	NOTE(10, info.tgid);
	return 0;
}
