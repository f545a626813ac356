/* CO-RE: field offsets, sizes, existence, and a type that is nowhere. */
#include "bpf.h"

#define core __attribute__((preserve_access_index))

struct task_struct {
	int pid;
	int tgid;
} core;

struct nowhere {
	int field;
} core;

enum { FIELD_BYTE_OFFSET, FIELD_BYTE_SIZE, FIELD_EXISTS };

SEC("xdp") int relocated(struct xdp_md *ctx)
{
	struct task_struct *t = (void *)(long)ctx->data;

	return t->tgid + __builtin_preserve_field_info(t->pid, FIELD_BYTE_SIZE) +
	       __builtin_preserve_field_info(t->pid, FIELD_EXISTS);
}

SEC("xdp") int missing(struct xdp_md *ctx)
{
	struct nowhere *n = (void *)(long)ctx->data;

	if (__builtin_preserve_field_info(n->field, FIELD_EXISTS))
		return n->field;
	return 2;
}
