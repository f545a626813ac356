/* bpf_iter_bits_*: loops over the bits that are set. */
#include "kf.h"

extern int bpf_iter_bits_new(struct bpf_iter_bits *it, const __u64 *unsafe_ptr__ign, __u32 nr_words) __ksym;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *it) __ksym;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *it) __ksym;

NOTES(16)
__u64 words[4] = {0x8000000000000001, 0, 0xff00, 1ull << 63};

static __always_inline __u64 walk(const __u64 *w, __u32 n, __u64 *err)
{
	struct bpf_iter_bits it;
	__u64 sum = 0;
	int *bit;
	*err = bpf_iter_bits_new(&it, w, n);
	while ((bit = bpf_iter_bits_next(&it)))
		sum = sum * 5 + *bit + 1;
	bpf_iter_bits_destroy(&it);
	return sum;
}

SEC("syscall")
int bits(void *ctx)
{
	__u64 err, one = 0x1234, zero = 0;
	NOTE(0, walk(&one, 1, &err));
	NOTE(1, err);
	NOTE(2, walk(words, 4, &err));
	NOTE(3, err);
	NOTE(4, walk(&zero, 1, &err));
	NOTE(5, err);
	NOTE(6, walk(0, 1, &err));
	NOTE(7, err);
	NOTE(8, walk(&one, 0, &err));
	NOTE(9, err);
	NOTE(10, walk(words, 512, &err));
	NOTE(11, err);
	NOTE(12, walk(words, 2, &err));
	NOTE(13, err);
	return 0;
}
