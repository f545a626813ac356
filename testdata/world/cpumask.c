/* bpf_cpumask_*: sets of processors. What depends on how many there are is not looked at. */
#include "kf.h"

struct cpumask {
	unsigned long bits[4];
};

struct bpf_cpumask {
	struct cpumask cpumask;
};

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *cpumask) __ksym;
extern struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *cpumask) __ksym;
extern __u32 bpf_cpumask_first(const struct cpumask *cpumask) __ksym;
extern __u32 bpf_cpumask_first_zero(const struct cpumask *cpumask) __ksym;
extern __u32 bpf_cpumask_first_and(const struct cpumask *src1, const struct cpumask *src2) __ksym;
extern void bpf_cpumask_set_cpu(__u32 cpu, struct bpf_cpumask *cpumask) __ksym;
extern void bpf_cpumask_clear_cpu(__u32 cpu, struct bpf_cpumask *cpumask) __ksym;
extern _Bool bpf_cpumask_test_cpu(__u32 cpu, const struct cpumask *cpumask) __ksym;
extern _Bool bpf_cpumask_test_and_set_cpu(__u32 cpu, struct bpf_cpumask *cpumask) __ksym;
extern _Bool bpf_cpumask_test_and_clear_cpu(__u32 cpu, struct bpf_cpumask *cpumask) __ksym;
extern void bpf_cpumask_setall(struct bpf_cpumask *cpumask) __ksym;
extern void bpf_cpumask_clear(struct bpf_cpumask *cpumask) __ksym;
extern _Bool bpf_cpumask_and(struct bpf_cpumask *dst, const struct cpumask *a, const struct cpumask *b) __ksym;
extern void bpf_cpumask_or(struct bpf_cpumask *dst, const struct cpumask *a, const struct cpumask *b) __ksym;
extern void bpf_cpumask_xor(struct bpf_cpumask *dst, const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_equal(const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_intersects(const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_subset(const struct cpumask *a, const struct cpumask *b) __ksym;
extern _Bool bpf_cpumask_empty(const struct cpumask *cpumask) __ksym;
extern _Bool bpf_cpumask_full(const struct cpumask *cpumask) __ksym;
extern void bpf_cpumask_copy(struct bpf_cpumask *dst, const struct cpumask *src) __ksym;
extern __u32 bpf_cpumask_any_distribute(const struct cpumask *cpumask) __ksym;
extern __u32 bpf_cpumask_any_and_distribute(const struct cpumask *a, const struct cpumask *b) __ksym;
extern __u32 bpf_cpumask_weight(const struct cpumask *cpumask) __ksym;

#define C(m) ((const struct cpumask *)(m))

NOTES(40)

SEC("syscall")
int masks(void *ctx)
{
	struct bpf_cpumask *a = bpf_cpumask_create(), *b, *d;
	if (!a)
		return -1;
	b = bpf_cpumask_create();
	if (!b) {
		bpf_cpumask_release(a);
		return -2;
	}
	NOTE(0, bpf_cpumask_empty(C(a)));
	bpf_cpumask_set_cpu(0, a);
	bpf_cpumask_set_cpu(1, b);
	bpf_cpumask_set_cpu(100000, b); /* there is none */
	NOTE(1, bpf_cpumask_first(C(b)));
	NOTE(2, bpf_cpumask_first_zero(C(a)));
	NOTE(3, bpf_cpumask_test_cpu(0, C(a)) | bpf_cpumask_test_cpu(0, C(b)) << 1 | bpf_cpumask_test_cpu(100000, C(b)) << 2);
	NOTE(4, bpf_cpumask_test_and_set_cpu(1, a));
	NOTE(5, bpf_cpumask_test_and_set_cpu(1, a));
	NOTE(6, bpf_cpumask_weight(C(a)) << 8 | bpf_cpumask_weight(C(b)));
	NOTE(7, bpf_cpumask_subset(C(b), C(a)) << 1 | bpf_cpumask_subset(C(a), C(b)));
	NOTE(8, bpf_cpumask_intersects(C(a), C(b)));
	NOTE(9, bpf_cpumask_equal(C(a), C(b)));
	NOTE(10, bpf_cpumask_any_and_distribute(C(a), C(b)));
	NOTE(11, bpf_cpumask_first_and(C(a), C(b)));
	NOTE(12, bpf_cpumask_test_and_clear_cpu(0, a));
	NOTE(13, bpf_cpumask_test_and_clear_cpu(0, a));
	NOTE(14, bpf_cpumask_equal(C(a), C(b)));
	bpf_cpumask_clear_cpu(1, a);
	NOTE(15, bpf_cpumask_and(a, C(a), C(b)));
	bpf_cpumask_set_cpu(0, a);
	bpf_cpumask_or(b, C(a), C(b));
	NOTE(16, bpf_cpumask_weight(C(b)));
	bpf_cpumask_xor(b, C(a), C(b));
	NOTE(17, bpf_cpumask_first(C(b)));
	bpf_cpumask_copy(a, C(b));
	NOTE(18, bpf_cpumask_equal(C(a), C(b)));
	NOTE(19, bpf_cpumask_any_distribute(C(a)));
	bpf_cpumask_setall(a);
	NOTE(20, bpf_cpumask_full(C(a)) << 1 | bpf_cpumask_full(C(b)));
	bpf_cpumask_clear(a);
	NOTE(21, bpf_cpumask_empty(C(a)));
	d = bpf_cpumask_acquire(b);
	bpf_cpumask_release(b);
	NOTE(22, bpf_cpumask_test_cpu(1, C(d)));
	bpf_cpumask_release(d);
	bpf_cpumask_release(a);
	return 0;
}
