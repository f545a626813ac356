/* What load balancers do: addresses and ports change, and checksums with them. */
#include "pkt.h"
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stddef.h>

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	__u32 old, new = ARG(0);
	__u16 oldport, newport = ARG(1);

	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &old, 4) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct iphdr) + offsetof(struct udphdr, dest), &oldport, 2))
		return TC_ACT_SHOT;
	NOTE(0, bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old, new, 4));
	NOTE(1, bpf_l4_csum_replace(skb, ETH_HLEN + 20 + offsetof(struct udphdr, check), old, new, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | 4));
	NOTE(2, bpf_l4_csum_replace(skb, ETH_HLEN + 20 + offsetof(struct udphdr, check), oldport, newport, BPF_F_MARK_MANGLED_0 | 2));
	NOTE(3, bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &new, 4, BPF_F_RECOMPUTE_CSUM));
	NOTE(4, bpf_skb_store_bytes(skb, ETH_HLEN + 20 + offsetof(struct udphdr, dest), &newport, 2, 0));
	return TC_ACT_OK;
}
