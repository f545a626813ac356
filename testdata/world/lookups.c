/* Lookups that a compiler can do in place: constant keys, keys that are computed, per-CPU arrays. */
#include "w.h"

#define ARRAY(name, kind, value_type, n)                                                                               \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, n);                                                                                \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

struct odd {
	__u8 b[13];
};

ARRAY(words, BPF_MAP_TYPE_ARRAY, __u64, 8);
ARRAY(odds, BPF_MAP_TYPE_ARRAY, struct odd, 5);
ARRAY(cpu_words, BPF_MAP_TYPE_PERCPU_ARRAY, __u64, 8);
ARRAY(cpu_odds, BPF_MAP_TYPE_PERCPU_ARRAY, struct odd, 5);
NOTES(16)

const volatile __u32 chosen = 3;

SEC("xdp")
int constants(struct xdp_md *ctx)
{
	__u32 zero = 0, last = 7, beyond = 8, odd = 4;
	__u64 *v = bpf_map_lookup_elem(&words, &zero);
	if (v)
		*v += 1;
	v = bpf_map_lookup_elem(&words, &last);
	if (v)
		*v += 2;
	v = bpf_map_lookup_elem(&words, &beyond);
	NOTE(0, !!v);
	struct odd *o = bpf_map_lookup_elem(&odds, &odd);
	if (o)
		o->b[12] += 3;
	v = bpf_map_lookup_elem(&cpu_words, &last);
	if (v)
		*v += 4;
	v = bpf_map_lookup_elem(&cpu_words, &beyond);
	NOTE(1, !!v);
	o = bpf_map_lookup_elem(&cpu_odds, &odd);
	if (o)
		o->b[0] += 5;
	return 0;
}

/* One slot holds the key of several lookups; a helper writes to it in between. */
SEC("xdp")
int changed(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 *v = bpf_map_lookup_elem(&words, &key);
	if (v)
		*v += 10;
	key = 2;
	v = bpf_map_lookup_elem(&words, &key);
	if (v)
		*v += 20;
	if (ctx->data_end - ctx->data > 20)
		key = 5;
	v = bpf_map_lookup_elem(&words, &key);
	if (v)
		*v += 30;
	for (int i = 0; i < 10; i += 3) {
		key = i;
		v = bpf_map_lookup_elem(&cpu_words, &key);
		if (v)
			*v += 7;
	}
	return 0;
}

static __noinline void set(__u32 *key, __u32 to)
{
	*key = to;
}

SEC("xdp")
int through_pointer(struct xdp_md *ctx)
{
	__u32 key = 6;
	set(&key, 4);
	__u64 *v = bpf_map_lookup_elem(&words, &key);
	if (v)
		*v += 100;
	key = 3;
	__u8 *low = (__u8 *)&key;
	*(volatile __u8 *)low = 1;
	v = bpf_map_lookup_elem(&words, &key);
	if (v)
		*v += 1000;
	return 0;
}

SEC("xdp")
int rodata(struct xdp_md *ctx)
{
	__u32 key = chosen;
	__u64 *v = bpf_map_lookup_elem(&words, &key);
	if (v)
		*v += 5;
	v = bpf_map_lookup_elem(&cpu_words, (void *)&chosen);
	if (v)
		*v += 6;
	v = bpf_map_lookup_elem(&words, (void *)&chosen);
	if (v)
		*v += 7;
	return 0;
}

SEC("xdp")
int computed(struct xdp_md *ctx)
{
	__u32 n = ctx->data_end - ctx->data;
	__u32 key = n & 7;
	__u64 *v = bpf_map_lookup_elem(&cpu_words, &key);
	if (v)
		*v += n;
	key = n;
	v = bpf_map_lookup_elem(&cpu_words, &key);
	NOTE(2, !!v);
	struct odd *o = bpf_map_lookup_elem(&cpu_odds, &key);
	NOTE(3, !!o);
	key = n % 5;
	o = bpf_map_lookup_elem(&cpu_odds, &key);
	if (o)
		o->b[n & 7] += 1;
	return 0;
}
