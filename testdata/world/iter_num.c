/* bpf_iter_num_*: loops over numbers. */
#include "kf.h"

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

NOTES(16)

static __always_inline __u64 count(int from, int to, __u64 *err)
{
	struct bpf_iter_num it;
	__u64 sum = 0;
	int *v;
	*err = bpf_iter_num_new(&it, from, to);
	while ((v = bpf_iter_num_next(&it)))
		sum = sum * 3 + *v;
	bpf_iter_num_destroy(&it);
	return sum;
}

SEC("xdp")
int ranges(struct xdp_md *ctx)
{
	__u64 err;
	NOTE(0, count(0, 10, &err));
	NOTE(1, err);
	NOTE(2, count(-5, 5, &err));
	NOTE(3, err);
	NOTE(4, count(5, 5, &err));
	NOTE(5, err);
	NOTE(6, count(6, 5, &err));
	NOTE(7, err);
	NOTE(8, count(0, (8 << 20) + 1, &err));
	NOTE(9, err);
	NOTE(10, count(-2147483647 - 1, 2147483647, &err));
	NOTE(11, err);
	NOTE(12, count(2147483600, 2147483647, &err));
	NOTE(13, err);
	NOTE(14, count(-2147483647 - 1, -2147483647 + 2, &err));
	NOTE(15, err);
	return 0;
}

SEC("xdp")
int nested(struct xdp_md *ctx)
{
	struct bpf_iter_num a, b;
	int *x, *y, sum = 0;
	int n = (ctx->data_end - ctx->data) & 0x1f;
	bpf_iter_num_new(&a, 0, n);
	while ((x = bpf_iter_num_next(&a))) {
		bpf_iter_num_new(&b, *x, n);
		while ((y = bpf_iter_num_next(&b))) {
			sum += *y;
			if (*y == 20)
				break;
		}
		bpf_iter_num_destroy(&b);
	}
	bpf_iter_num_destroy(&a);
	return sum;
}
