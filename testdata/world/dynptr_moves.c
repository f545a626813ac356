/* Dynptrs over packets that move and become shorter. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(16)

/* shrunk: the packet becomes shorter than its dynptr. */
SEC("tc")
int shrunk(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	char buf[8] = "ABCDEFG";

	bpf_dynptr_from_skb(skb, 0, &p);
	NOTE(0, bpf_skb_change_tail(skb, 40, 0));
	NOTE(1, bpf_dynptr_size(&p));
	NOTE(2, bpf_dynptr_read(buf, sizeof(buf), &p, 32, 0));
	NOTE(3, *(__u64 *)buf);
	NOTE(4, bpf_dynptr_read(buf, sizeof(buf), &p, 33, 0));
	NOTE(5, *(__u64 *)buf);
	NOTE(6, bpf_dynptr_write(&p, 33, buf, sizeof(buf), 0));
	NOTE(7, !!bpf_dynptr_slice(&p, 33, NULL, 8));
	NOTE(8, bpf_dynptr_memset(&p, 33, 8, 1));
	NOTE(9, bpf_dynptr_read(buf, sizeof(buf), &p, 60, 0));
	return 0;
}

/* moved: head and tail of the packet move under the dynptr. */
SEC("xdp")
int moved(struct xdp_md *ctx)
{
	struct bpf_dynptr p;
	char buf[8] = "ABCDEFG";

	bpf_dynptr_from_xdp(ctx, 0, &p);
	NOTE(0, bpf_xdp_adjust_head(ctx, 14));
	NOTE(1, bpf_dynptr_size(&p));
	NOTE(2, bpf_dynptr_read(buf, sizeof(buf), &p, 0, 0));
	NOTE(3, *(__u64 *)buf);
	NOTE(4, bpf_xdp_adjust_tail(ctx, -10));
	NOTE(5, bpf_dynptr_read(buf, sizeof(buf), &p, 32, 0));
	NOTE(6, *(__u64 *)buf);
	NOTE(7, bpf_dynptr_read(buf, sizeof(buf), &p, 33, 0));
	NOTE(8, bpf_dynptr_write(&p, 33, buf, sizeof(buf), 0));
	NOTE(9, bpf_dynptr_write(&p, 0, buf, sizeof(buf), 0));
	NOTE(10, !!bpf_dynptr_slice(&p, 33, NULL, 8));
	NOTE(11, bpf_dynptr_memset(&p, 33, 8, 1));
	return 0;
}
