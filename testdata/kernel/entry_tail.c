/* A tail call from the entry: the target's return value is the run's.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target)
{
	HIT(1);
	return 7;
}

PROG(entry)
{
	HIT(0);
	bpf_tail_call(ctx, &progs, 0);
	HIT(2);
	return 1;
}
