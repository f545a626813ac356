/* Dynptrs over the metadata of a packet, of which BPF_PROG_TEST_RUN gives tc programs none. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(16)

SEC("tc")
int meta(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	char b = 1, *s;

	NOTE(0, bpf_dynptr_from_skb_meta(skb, 1, &p));
	NOTE(1, bpf_dynptr_is_null(&p));
	NOTE(2, bpf_dynptr_from_skb_meta(skb, 0, &p));
	NOTE(3, bpf_dynptr_is_null(&p));
	NOTE(4, bpf_dynptr_size(&p));
	NOTE(5, bpf_dynptr_is_rdonly(&p));
	NOTE(6, bpf_dynptr_read(&b, 1, &p, 0, 0));
	NOTE(7, bpf_dynptr_write(&p, 0, &b, 1, 0));
	NOTE(8, bpf_dynptr_read(&b, 0, &p, 0, 0));
	s = bpf_dynptr_slice(&p, 0, NULL, 1);
	NOTE(9, !!s);
	s = bpf_dynptr_slice_rdwr(&p, 0, NULL, 1);
	NOTE(10, !!s);
	NOTE(11, bpf_dynptr_adjust(&p, 0, 0));
	NOTE(12, bpf_dynptr_adjust(&p, 0, 1));
	return skb->data - skb->data_meta;
}
