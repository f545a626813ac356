/* A machine whose instructions are in the packet: operations on maps of every kind, one after the other. With
 * UNORDERED it has those, too, whose entries come in no order or are forgotten. */
#include "w.h"

#define MAP(name, kind, entries, flags)                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(m0, BPF_MAP_TYPE_ARRAY, 12, 0);
MAP(m1, BPF_MAP_TYPE_PERCPU_ARRAY, 12, 0);
MAP(m2, BPF_MAP_TYPE_HASH, 12, 0);
MAP(m3, BPF_MAP_TYPE_HASH, 12, BPF_F_NO_PREALLOC);
MAP(m4, BPF_MAP_TYPE_PERCPU_HASH, 12, 0);
MAP(m5, BPF_MAP_TYPE_PERCPU_HASH, 12, BPF_F_NO_PREALLOC);
#ifdef UNORDERED
MAP(m6, BPF_MAP_TYPE_LRU_HASH, 512, 0);
MAP(m7, BPF_MAP_TYPE_LRU_PERCPU_HASH, 512, 0);
#else
MAP(m6, BPF_MAP_TYPE_HASH, 16, 0);
MAP(m7, BPF_MAP_TYPE_PERCPU_HASH, 16, 0);
#endif

struct op {
	__u8 what, key, flags, value;
};

struct state {
	__u64 all; /* what was seen, folded */
	__u64 n;
};

static __always_inline void saw(struct state *s, __u64 v)
{
	s->all = (s->all ^ v) * 0x100000001b3;
}

#ifdef UNORDERED
static long add(void *map, __u32 *key, __u64 *value, struct state *s)
{
	s->n += (*key + 1) * (*value + 3);
	return 0;
}
#endif

static __always_inline void step(void *map, struct op *op, struct state *s)
{
	__u32 key = op->key & 15;
	__u64 value = op->value, *p;

	switch (op->what >> 3 & 7) {
	case 0:
	case 1:
		saw(s, bpf_map_update_elem(map, &key, &value, op->flags & 3));
		break;
	case 2:
		saw(s, bpf_map_update_elem(map, &key, &value, op->flags));
		break;
	case 3:
		saw(s, bpf_map_delete_elem(map, &key));
		break;
	case 4:
		p = bpf_map_lookup_elem(map, &key);
		saw(s, p ? *p : 12345);
		break;
	case 5:
		p = bpf_map_lookup_elem(map, &key);
		if (p)
			saw(s, __sync_fetch_and_add(p, value));
		break;
	case 6:
#ifdef UNORDERED
		saw(s, bpf_for_each_map_elem(map, add, s, 0));
		saw(s, s->n);
#else
		p = bpf_map_lookup_elem(map, &key);
		saw(s, p ? bpf_map_update_elem(map, &key, p, BPF_EXIST) : 0);
#endif
		break;
	case 7:
		p = bpf_map_lookup_elem(map, &key);
		if (p) {
			*p = value << 8;
			bpf_map_delete_elem(map, &key);
			saw(s, *p);
		}
		break;
	}
}

#define ON(number) static __attribute__((noinline)) void on##number(struct op *op, struct state *s) { step(&m##number, op, s); }
ON(0)
ON(1)
ON(2)
ON(3)
ON(4)
ON(5)
ON(6)
ON(7)

SEC("xdp")
int run(struct xdp_md *ctx)
{
	struct op *next = (void *)(long)ctx->data + 14;
	struct state s = {};

	for (int i = 0; i < 48; i++) {
		struct op op;

		if ((void *)(next + 1) > (void *)(long)ctx->data_end)
			break;
		op = *next++;
		switch (op.what & 7) {
		case 0: on0(&op, &s); break;
		case 1: on1(&op, &s); break;
		case 2: on2(&op, &s); break;
		case 3: on3(&op, &s); break;
		case 4: on4(&op, &s); break;
		case 5: on5(&op, &s); break;
		case 6: on6(&op, &s); break;
		case 7: on7(&op, &s); break;
		}
	}
	return s.all & 0x7fffffff;
}
