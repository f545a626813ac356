/* skb_load_bytes and skb_load_bytes_relative, where the packet begins with its Ethernet header and where it does not. */
#include "pkt.h"

NOTES(16)

static __always_inline int load(struct __sk_buff *skb)
{
	__u8 buf[16] = "................";
	__u64 len = ARG(1);

	if (!len || len > sizeof(buf))
		return 0;
	NOTE(0, bpf_skb_load_bytes(skb, ARG(0), buf, len));
	NOTE(1, *(__u64 *)buf);
	NOTE(2, *(__u64 *)(buf + 8));
	return 1;
}

static __always_inline int relative(struct __sk_buff *skb)
{
	__u8 buf[16] = "................";

	NOTE(3, bpf_skb_load_bytes_relative(skb, ARG(0), buf, 8, ARG(2)));
	NOTE(4, *(__u64 *)buf);
	NOTE(5, *(__u64 *)(buf + 8));
	return load(skb);
}

SEC("tc") int cls(struct __sk_buff *skb) { return relative(skb); }
SEC("action") int act(struct __sk_buff *skb) { return relative(skb); }
SEC("socket") int filter(struct __sk_buff *skb) { return relative(skb); }
SEC("cgroup_skb/ingress") int cgroup(struct __sk_buff *skb) { return relative(skb); }
SEC("lwt_in") int in(struct __sk_buff *skb) { return load(skb); }
SEC("lwt_out") int out(struct __sk_buff *skb) { return load(skb); }
SEC("lwt_xmit") int xmit(struct __sk_buff *skb) { return load(skb); }
