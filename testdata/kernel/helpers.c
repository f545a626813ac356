/* Helpers run before every tail call, with all argument registers in use: the count survives them.
 * propagated: same
 */
#include "k.h"

DECL(step);
PROG_ARRAY(progs, 1, SLOT(0, step));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SUB note(__u32 key, __u64 value)
{
	__u64 *old = bpf_map_lookup_elem(&seen, &key);

	value += bpf_get_prandom_u32() & 0;
	if (old)
		value += *old;
	return bpf_map_update_elem(&seen, &key, &value, BPF_ANY);
}

PROG(step)
{
	__u32 n = hits[0];

	HIT(0);
	if (note(n & 63, n * 3 + 1))
		return -1;
	bpf_ktime_get_ns();
	bpf_tail_call(ctx, &progs, 0);
	bpf_get_smp_processor_id();
	HIT(1);
	return n;
}

PROG(entry)
{
	bpf_ktime_get_ns();
	bpf_tail_call(ctx, &progs, 0);
	return -1;
}
