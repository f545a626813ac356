/* bpf_refcount_acquire: one object in a list and in a tree. */
#include "kf.h"

struct item {
	__u64 n;
	struct bpf_list_node l;
	struct bpf_rb_node r;
	struct bpf_refcount ref;
};

private(R) struct bpf_spin_lock lock;
private(R) struct bpf_list_head head __contains(item, l);
private(R) struct bpf_rb_root root __contains(item, r);

NOTES(16)

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, r)->n < container_of(b, struct item, r)->n;
}

SEC("tc")
int insert(struct __sk_buff *ctx)
{
	struct item *a, *b;
	a = bpf_obj_new(struct item);
	if (!a)
		return -1;
	a->n = ctx->len;
	b = bpf_refcount_acquire(a);
	if (!b) {
		bpf_obj_drop(a);
		return -2;
	}
	bpf_spin_lock(&lock);
	bpf_rbtree_add(&root, &a->r, less);
	int err = bpf_list_push_back(&head, &b->l);
	bpf_spin_unlock(&lock);
	NOTE(0, err);
	return 0;
}

SEC("tc")
int remove(struct __sk_buff *ctx)
{
	struct bpf_list_node *l;
	struct bpf_rb_node *r;
	struct item *it;
	bpf_spin_lock(&lock);
	l = bpf_list_pop_front(&head);
	bpf_spin_unlock(&lock);
	if (!l)
		return 1;
	it = container_of(l, struct item, l);
	NOTE(1, it->n);
	it->n += 1000;
	bpf_spin_lock(&lock);
	r = bpf_rbtree_remove(&root, &it->r);
	bpf_spin_unlock(&lock);
	if (r) {
		NOTE(2, container_of(r, struct item, r)->n);
		bpf_obj_drop(container_of(r, struct item, r));
	}
	bpf_obj_drop(it);
	return 0;
}

/* A node that is in the list already is refused, and dropped. */
SEC("tc")
int twice(struct __sk_buff *ctx)
{
	struct item *a = bpf_obj_new(struct item), *b;
	if (!a)
		return -1;
	a->n = 5;
	b = bpf_refcount_acquire(a);
	if (!b) {
		bpf_obj_drop(a);
		return -2;
	}
	bpf_spin_lock(&lock);
	int first = bpf_list_push_front(&head, &a->l), again = bpf_list_push_front(&head, &b->l);
	bpf_spin_unlock(&lock);
	NOTE(3, first);
	NOTE(4, again);
	return 0;
}
