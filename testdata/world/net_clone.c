/* bpf_clone_redirect: errors, and copies that do not change the packet. */
#include "w.h"

NOTES(8)

SEC("tc")
int entry(struct __sk_buff *skb)
{
	NOTE(0, bpf_clone_redirect(skb, 1, BPF_F_INGRESS | 2));
	NOTE(1, bpf_clone_redirect(skb, 4242, 0));
	NOTE(2, bpf_clone_redirect(skb, 0, 0));
	NOTE(3, bpf_clone_redirect(skb, 1, 1ULL << 16));
	NOTE(4, bpf_clone_redirect(skb, 1, 1ULL << 33));
	NOTE(5, skb->len);
	return 0;
}

/* The loopback device is up where this is run. */
SEC("tc")
int sent(struct __sk_buff *skb)
{
	void *data, *end;

	NOTE(0, bpf_clone_redirect(skb, 1, 0));
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + 14 > end)
		return -1;
	*(__u8 *)(data + 3) = 0x11;
	NOTE(2, bpf_clone_redirect(skb, 1, 0));
	NOTE(3, skb->len);
	return 0;
}
