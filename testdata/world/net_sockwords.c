/* Maps of sockets whose values are 4 bytes, as descriptors are: users cannot look them up. */
#include "w.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} group SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} group4 SEC(".maps");

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 zero = 0;
	void *sk = bpf_map_lookup_elem(&socks, &zero);

	if (!sk)
		return 1;
	bpf_sk_release(sk);
	return 2;
}
