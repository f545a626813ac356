/* Keys and values of odd sizes, whole structs, and one key for each byte that differs. */
#include "w.h"

NOTES_CALLED(32)

struct wide {
	__u8 a;
	__u32 b;
	__u16 c;
	__u64 d[3];
	__u8 e[5];
} __attribute__((packed));

#define MAP(name, k, v)                                                                                                \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                       \
		__uint(max_entries, 64);                                                                               \
		__type(key, k);                                                                                        \
		__type(value, v);                                                                                      \
	} name SEC(".maps")

struct three { __u8 b[3]; };
struct seven { __u8 b[7]; };
struct twelve { __u32 w[3]; };
struct large { __u64 w[40]; };

MAP(one, __u8, __u8);
MAP(two, struct three, struct seven);
MAP(three, struct seven, struct three);
MAP(four, struct twelve, struct large);
MAP(five, struct wide, struct wide);

SEC("xdp")
int put(struct xdp_md *ctx)
{
	struct three t = { { 1, 2, 3 } };
	struct seven s = { { 1, 2, 3, 4, 5, 6, 7 } };
	struct twelve w = { { 1, 2, 3 } };
	struct large l = {};
	struct wide x = { 1, 2, 3, { 4, 5, 6 }, { 7, 8, 9, 10, 11 } };

#pragma unroll
	for (__u8 n = 0; n < 8; n++) {
		__u8 i = n;

		t.b[2] = i;
		s.b[i % 7] += i;
		w.w[i % 3] ^= i << 8;
		l.w[39] = i;
		x.e[4] = i;
		NOTE(i, bpf_map_update_elem(&one, &i, &i, BPF_ANY));
		NOTE(i + 8, bpf_map_update_elem(&two, &t, &s, BPF_ANY));
		NOTE(i + 16, bpf_map_update_elem(&three, &s, &t, BPF_ANY));
		NOTE(i + 24, bpf_map_update_elem(&four, &w, &l, BPF_ANY));
		bpf_map_update_elem(&five, &x, &x, BPF_NOEXIST);
	}
	return 0;
}

SEC("xdp")
int get(struct xdp_md *ctx)
{
	struct wide x = { 1, 2, 3, { 4, 5, 6 }, { 7, 8, 9, 10, 11 } }, *p;
	__u32 found = 0;

#pragma unroll
	for (__u8 n = 0; n < 16; n++) {
		__u8 i = n;

		x.e[4] = i;
		p = bpf_map_lookup_elem(&five, &x);
		if (p && p->e[4] == i && p->d[2] == 6)
			found |= 1 << i;
		__u8 *o = bpf_map_lookup_elem(&one, &i);
		if (o && *o == i)
			found |= 0x10000 << i;
	}
	return found;
}
