/* The same questions from programs of all kinds. */
#include "w.h"

NOTES(64)

char text[32];

static __always_inline void ask(__u32 at)
{
	static const char fmt[] = "%d-%s", number[] = "0x1fZ";
	__u64 args[2] = { 7, (long)"word" };
	char comm[16] = {};
	long v = 0;

	NOTE(at, bpf_get_current_pid_tgid() >> 32);
	NOTE(at + 1, bpf_get_current_uid_gid());
	bpf_get_current_comm(comm, sizeof(comm));
	NOTE(at + 2, comm[0] | comm[1] << 8);
	NOTE(at + 3, !!bpf_get_current_task());
	NOTE(at + 4, bpf_snprintf(text, sizeof(text), fmt, args, sizeof(args)));
	NOTE(at + 5, bpf_strtol(number, sizeof(number), 0, &v) + (v << 8));
	NOTE(at + 6, bpf_strncmp(text, 4, number));
	NOTE(at + 7, bpf_probe_read_kernel(comm, 4, text) + ((__u64)comm[2] << 8));
	NOTE(at + 8, bpf_jiffies64() > 0 && bpf_ktime_get_boot_ns() > 0);
	NOTE(at + 9, bpf_get_current_cgroup_id());
}

#define ASKED(section, name, at, ret)                                                                                  \
	SEC(section) int name(void *ctx)                                                                               \
	{                                                                                                              \
		ask(at);                                                                                               \
		return ret;                                                                                            \
	}

ASKED("xdp", in_xdp, 0, 2)
ASKED("tc", in_tc, 10, 0)
ASKED("socket", in_socket, 20, 1)
ASKED("cgroup_skb/ingress", in_cgroup, 30, 1)
ASKED("raw_tp", in_raw_tp, 40, 0)
ASKED("syscall", in_syscall, 50, 0)
