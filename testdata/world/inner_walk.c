/* Callbacks over the elements of maps that were found in maps. */
#include "w.h"

NOTES(8)

struct words {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 20);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 5);
	__uint(key_size, 7);
	__array(values, struct words);
} byname SEC(".maps");

struct sum {
	__u64 keys, values;
};

static long add(void *map, __u32 *key, __u64 *value, struct sum *s)
{
	s->keys += *key;
	s->values += *value;
	*value += 1;
	if (*key == 3)
		bpf_map_delete_elem(map, key);
	return 0;
}

SEC("tc")
int entry(struct __sk_buff *skb)
{
	char name[7] = "first";
	struct sum s = {};
	__u32 key = skb->len % 20;
	__u64 v = skb->len;
	void *in;

	if (skb->len & 1)
		__builtin_memcpy(name, "second", 7);
	in = bpf_map_lookup_elem(&byname, name);
	if (!in)
		return -1;
	bpf_map_update_elem(in, &key, &v, BPF_ANY);
	NOTE(0, bpf_for_each_map_elem(in, add, &s, 0));
	NOTE(1, s.keys);
	NOTE(2, s.values);
	return 0;
}
