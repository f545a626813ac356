/* bpf_rbtree_*: a tree of objects in global data. */
#include "kf.h"

struct item {
	__u64 key, serial;
	struct bpf_rb_node node;
};

private(T) struct bpf_spin_lock lock;
private(T) struct bpf_rb_root root __contains(item, node);

NOTES(16)
__u64 serial, seen[32];

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct item, node)->key < container_of(b, struct item, node)->key;
}

static __always_inline int add(__u64 key)
{
	struct item *it = bpf_obj_new(struct item);
	if (!it)
		return -1;
	it->key = key;
	it->serial = serial++;
	bpf_spin_lock(&lock);
	bpf_rbtree_add(&root, &it->node, less);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc")
int fill(struct __sk_buff *ctx)
{
	for (int i = 0; i < 12; i++)
		if (add(i * 7 % 10))
			return -1;
	return 0;
}

SEC("tc")
int first(struct __sk_buff *ctx)
{
	struct bpf_rb_node *n;
	__u64 key = -1;
	bpf_spin_lock(&lock);
	n = bpf_rbtree_first(&root);
	if (n)
		key = container_of(n, struct item, node)->key;
	bpf_spin_unlock(&lock);
	NOTE(0, key);
	return 0;
}

SEC("tc")
int drain(struct __sk_buff *ctx)
{
	for (int i = 0; i < 16; i++) {
		struct bpf_rb_node *n;
		bpf_spin_lock(&lock);
		n = bpf_rbtree_first(&root);
		if (!n) {
			bpf_spin_unlock(&lock);
			return i;
		}
		n = bpf_rbtree_remove(&root, n);
		bpf_spin_unlock(&lock);
		if (!n)
			return -1;
		struct item *it = container_of(n, struct item, node);
		seen[i] = it->key << 32 | it->serial;
		bpf_obj_drop(it);
	}
	return -2;
}

/* Where a node is found does not depend on the shape of the tree. */
SEC("tc")
int search(struct __sk_buff *ctx)
{
	struct bpf_rb_node *n;
	__u64 found = -1;
	bpf_spin_lock(&lock);
	n = bpf_rbtree_root(&root);
	for (int i = 0; i < 16 && n; i++) {
		__u64 key = container_of(n, struct item, node)->key;
		if (key == 5) {
			found = container_of(n, struct item, node)->serial;
			break;
		}
		n = key > 5 ? bpf_rbtree_left(&root, n) : bpf_rbtree_right(&root, n);
	}
	bpf_spin_unlock(&lock);
	NOTE(1, found);
	return 0;
}
