/* LPM trie: what a program does with it is said by its packet. The keys are IPv4 addresses. */
#include "w.h"

NOTES(4)

struct key {
	__u32 len;
	__u8 addr[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 12);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, __u64);
} trie SEC(".maps");

struct order {
	__u64 flags;
	__u64 value;
	struct key key;
	__u8 op;
} __attribute__((packed));

static __always_inline int read_order(struct xdp_md *ctx, struct order *o)
{
	struct order *p = (void *)(long)ctx->data;

	if ((void *)(p + 1) > (void *)(long)ctx->data_end)
		return -1;
	*o = *p;
	return 0;
}

/* What is found is changed in place, so that the map shows which value it was. */
SEC("xdp")
int lookup(struct xdp_md *ctx)
{
	struct order o;
	__u64 *v;

	if (read_order(ctx, &o))
		return -1;
	v = bpf_map_lookup_elem(&trie, &o.key);
	if (!v)
		return 0;
	NOTE(0, *v);
	__sync_fetch_and_add(v, 1);
	return 1;
}

SEC("xdp")
int update(struct xdp_md *ctx)
{
	struct order o;

	if (read_order(ctx, &o))
		return -1;
	return bpf_map_update_elem(&trie, &o.key, &o.value, o.flags);
}

SEC("xdp")
int delete(struct xdp_md *ctx)
{
	struct order o;

	if (read_order(ctx, &o))
		return -1;
	return bpf_map_delete_elem(&trie, &o.key);
}

/* A value that was deleted or replaced stays what it was for the program that found it. */
SEC("xdp")
int hold(struct xdp_md *ctx)
{
	struct order o;
	__u64 *v, *w, value = 1000;

	if (read_order(ctx, &o))
		return -1;
	v = bpf_map_lookup_elem(&trie, &o.key);
	if (!v)
		return 0;
	NOTE(0, bpf_map_update_elem(&trie, &o.key, &value, BPF_EXIST));
	w = bpf_map_lookup_elem(&trie, &o.key);
	if (!w || w == v)
		return 2;
	NOTE(1, *v);
	NOTE(2, *w);
	NOTE(3, bpf_map_delete_elem(&trie, &o.key));
	return *w == 1000;
}
