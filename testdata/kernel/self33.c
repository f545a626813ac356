/* The entry tail-calls itself until the count is spent: it runs 34 times.
 * propagated: same
 */
#include "k.h"

DECL(entry);
PROG_ARRAY(progs, 1, SLOT(0, entry));

PROG(entry)
{
	HIT(0);
	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	return hits[0];
}
