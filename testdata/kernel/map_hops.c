/* Each hop of a ring of three programs writes its number into a map.
 * propagated: same
 */
#include "k.h"

DECL(hop0);
DECL(hop1);
DECL(hop2);
PROG_ARRAY(ring, 3, SLOT(0, hop0), SLOT(1, hop1), SLOT(2, hop2));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 40);
	__type(key, __u32);
	__type(value, __u64);
} trail SEC(".maps");

SUB leave(__u64 mark)
{
	__u32 key = hits[0];

	HIT(0);
	return bpf_map_update_elem(&trail, &key, &mark, BPF_ANY);
}

#define HOP(i, next) PROG(hop##i) { if (leave(i + 100)) return 1000 + i; bpf_tail_call(ctx, &ring, next); return i; }
HOP(0, 1)
HOP(1, 2)
HOP(2, 0)

PROG(entry)
{
	if (leave(1))
		return 999; /* from the second packet on the trail is full */
	bpf_tail_call(ctx, &ring, 0);
	return -1;
}
