/* bpf_list_*: a list of objects in global data. */
#include "kf.h"

struct item {
	__u64 n;
	struct bpf_list_node node;
};

private(L) struct bpf_spin_lock lock;
private(L) struct bpf_list_head head __contains(item, node);

NOTES(16)

static __always_inline int push(__u64 n, int back)
{
	struct item *it = bpf_obj_new(struct item);
	if (!it)
		return -1;
	it->n = n;
	bpf_spin_lock(&lock);
	int err = back ? bpf_list_push_back(&head, &it->node) : bpf_list_push_front(&head, &it->node);
	bpf_spin_unlock(&lock);
	return err;
}

static __always_inline __u64 pop(int back)
{
	struct bpf_list_node *n;
	bpf_spin_lock(&lock);
	n = back ? bpf_list_pop_back(&head) : bpf_list_pop_front(&head);
	bpf_spin_unlock(&lock);
	if (!n)
		return -1;
	struct item *it = container_of(n, struct item, node);
	__u64 v = it->n;
	bpf_obj_drop(it);
	return v;
}

SEC("tc")
int fill(struct __sk_buff *ctx)
{
	NOTE(0, push(1, 0));
	NOTE(1, push(2, 0));
	NOTE(2, push(3, 1));
	NOTE(3, push(4, 1));
	return 0;
}

SEC("tc")
int take(struct __sk_buff *ctx)
{
	NOTE(4, pop(0));
	NOTE(5, pop(1));
	return 0;
}

SEC("tc")
int drain(struct __sk_buff *ctx)
{
	for (int i = 0; i < 16; i++) {
		__u64 v = pop(0);
		if (v == -1)
			return i;
		NOTE(6 + (i & 3), v);
	}
	return -1;
}

SEC("tc")
int peek(struct __sk_buff *ctx)
{
	struct bpf_list_node *n;
	__u64 front = 0, back = 0;
	bpf_spin_lock(&lock);
	n = bpf_list_front(&head);
	if (n)
		front = container_of(n, struct item, node)->n;
	n = bpf_list_back(&head);
	if (n)
		back = container_of(n, struct item, node)->n;
	bpf_spin_unlock(&lock);
	NOTE(10, front);
	NOTE(11, back);
	return 0;
}

/* The same with nothing but the list that several at once could write to. */
SEC("tc")
int refill(struct __sk_buff *ctx)
{
	return push(1, 0) | push(2, 1) | push(3, 0) | push(4, 1);
}

SEC("tc")
int empty(struct __sk_buff *ctx)
{
	for (int i = 0; i < 16; i++)
		if (pop(i & 1) == -1)
			return i;
	return -1;
}
