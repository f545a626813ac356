/* LPM trie: the longest keys, the shortest, and values that are no multiple of 8 bytes. */
#include "w.h"

NOTES(8)

struct wide {
	__u32 len;
	__u8 data[256];
};

struct narrow {
	__u32 len;
	__u8 data[1];
};

struct bytes {
	__u8 b[13];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 100);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct wide);
	__type(value, __u32);
} wide SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 600);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, 5);
	__type(value, struct bytes);
} narrow SEC(".maps");

struct v6 {
	__u32 len;
	__u8 addr[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 100);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct v6);
	__type(value, __u16);
} six SEC(".maps");

struct wide key;

static __always_inline int read_key(struct xdp_md *ctx)
{
	struct wide *p = (void *)(long)ctx->data;

	if ((void *)(p + 1) > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(&key, p, sizeof(key));
	return 0;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
	struct narrow n = {};
	struct v6 s = {};
	struct bytes *b;
	__u32 *v;
	__u16 *p;

	if (read_key(ctx))
		return -1;
	v = bpf_map_lookup_elem(&wide, &key);
	NOTE(0, v ? *v : -1);
	n.len = key.len;
	n.data[0] = key.data[0];
	b = bpf_map_lookup_elem(&narrow, &n);
	NOTE(1, b ? b->b[12] : -1);
	s.len = key.len;
	__builtin_memcpy(s.addr, key.data, 16);
	p = bpf_map_lookup_elem(&six, &s);
	NOTE(2, p ? *p : -1);
	NOTE(3, bpf_map_delete_elem(&wide, &key));
	return 0;
}

SEC("xdp")
int fill(struct xdp_md *ctx)
{
	__u32 v;
	struct bytes b = {};

	if (read_key(ctx))
		return -1;
	v = key.len * 3;
	b.b[0] = key.len;
	b.b[12] = key.data[0];
	NOTE(4, bpf_map_update_elem(&wide, &key, &v, BPF_ANY));
	NOTE(5, bpf_map_update_elem(&narrow, (struct narrow *)&key, &b, BPF_NOEXIST));
	NOTE(6, bpf_map_update_elem(&narrow, (struct narrow *)&key, &b, 7));
	return 0;
}
