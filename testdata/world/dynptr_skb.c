/* Dynptrs over the packet of programs that are given a struct __sk_buff. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(64)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} asks SEC(".maps");

static __always_inline __u64 asked(__u32 i)
{
	__u64 *v = bpf_map_lookup_elem(&asks, &i);

	return v ? *v : 0;
}

/* common is what every program of this family may do. */
static __always_inline int common(struct __sk_buff *skb)
{
	struct bpf_dynptr p, q;
	char buf[8] = {}, *s;

	NOTE(0, bpf_dynptr_from_skb(skb, 1, &p));
	NOTE(1, bpf_dynptr_is_null(&p));
	NOTE(2, bpf_dynptr_from_skb(skb, 0, &p));
	NOTE(3, bpf_dynptr_size(&p));
	NOTE(4, bpf_dynptr_is_rdonly(&p));
	NOTE(5, bpf_dynptr_read(buf, sizeof(buf), &p, asked(0), 0));
	NOTE(6, *(__u64 *)buf);
	s = bpf_dynptr_slice(&p, asked(0), NULL, 4);
	NOTE(7, !!s);
	if (s)
		NOTE(8, *(__u32 *)s);
	s = bpf_dynptr_slice(&p, asked(0), buf, sizeof(buf));
	NOTE(9, s ? s == buf : 77);
	NOTE(10, !!bpf_dynptr_data(&p, 0, 4));
	NOTE(11, bpf_dynptr_clone(&p, &q));
	NOTE(12, bpf_dynptr_adjust(&q, 4, 20));
	NOTE(13, bpf_dynptr_read(buf, 4, &q, 2, 0));
	NOTE(14, *(__u32 *)buf);
	return 0;
}

SEC("tc")
int read_tc(struct __sk_buff *skb)
{
	return common(skb);
}

SEC("socket")
int read_socket(struct __sk_buff *skb)
{
	return common(skb);
}

SEC("cgroup_skb/egress")
int read_cgroup(struct __sk_buff *skb)
{
	return common(skb);
}

SEC("lwt_in")
int read_lwt_in(struct __sk_buff *skb)
{
	return common(skb);
}

SEC("lwt_xmit")
int read_lwt_xmit(struct __sk_buff *skb)
{
	return common(skb);
}

/* write: by helper, slice, copy and memset. */
SEC("tc")
int write_tc(struct __sk_buff *skb)
{
	struct bpf_dynptr p, q;
	char buf[8] = "ABCDEFG", *s;

	bpf_dynptr_from_skb(skb, 0, &p);
	NOTE(0, bpf_dynptr_write(&p, asked(0), buf, sizeof(buf), asked(1)));
	s = bpf_dynptr_slice_rdwr(&p, asked(2), buf, 4);
	NOTE(1, !!s);
	if (s) {
		s[0] = '<';
		s[3] = '>';
	}
	NOTE(2, bpf_dynptr_memset(&p, asked(2) + 4, asked(3), '.'));
	bpf_dynptr_clone(&p, &q);
	NOTE(3, bpf_dynptr_adjust(&q, 2, 30));
	NOTE(4, bpf_dynptr_copy(&q, 0, &p, asked(2), asked(3)));
	return 0;
}
