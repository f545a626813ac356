/* Arenas: pages are allocated, freed and reserved; pointers between pages are followed; globals live there, too. */
#include "w.h"

NOTES(16)

#define __arena __attribute__((address_space(1)))
#define NUMA_NO_NODE (-1)

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA, which older headers lack */);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 10);
} arena SEC(".maps");

void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 pages, int node, __u64 flags) __ksym __weak;
void bpf_arena_free_pages(void *map, void __arena *addr, __u32 pages) __ksym __weak;

struct node {
	struct node __arena *next;
	__u64 value;
};

struct node __arena *__arena head;
__u64 __arena total;
__u64 runs;

/* Puts a node at the front of a list, one page for each, and sums the list up. */
SEC("syscall")
int list(void *ctx)
{
	struct node __arena *n = bpf_arena_alloc_pages(&arena, 0, 1, NUMA_NO_NODE, 0);
	__u64 sum = 0;
	int i;

	runs++;
	if (!n)
		return -1;
	n->value = runs;
	n->next = head;
	head = n;
	for (i = 0, n = head; n && i < 100; i++, n = n->next)
		sum += n->value;
	total = sum;
	NOTE(0, sum);
	NOTE(1, i);
	return 0;
}

/* Takes the front node out and gives its page back, which then is zeros again. */
SEC("syscall")
int drop(void *ctx)
{
	struct node __arena *n = head;
	struct node __arena *again;

	if (!n)
		return -1;
	head = n->next;
	NOTE(2, n->value);
	bpf_arena_free_pages(&arena, n, 1);
	again = bpf_arena_alloc_pages(&arena, n, 1, NUMA_NO_NODE, 0);
	if (!again)
		return -2;
	NOTE(3, again == n);
	NOTE(4, again->value);
	bpf_arena_free_pages(&arena, again, 1);
	return 0;
}

SEC("syscall")
int pages(void *ctx)
{
	char __arena *p;
	char __arena *q;
	char __arena *r;

	NOTE(5, !!bpf_arena_alloc_pages(&arena, 0, 0, NUMA_NO_NODE, 0));
	NOTE(6, !!bpf_arena_alloc_pages(&arena, 0, 11, NUMA_NO_NODE, 0));
	NOTE(7, !!bpf_arena_alloc_pages(&arena, 0, 1, NUMA_NO_NODE, 1));
	p = bpf_arena_alloc_pages(&arena, 0, 3, NUMA_NO_NODE, 0);
	if (!p)
		return -1;
	p[0] = 1;
	p[3 * 4096 - 1] = 2;
	q = bpf_arena_alloc_pages(&arena, p + 4096, 1, NUMA_NO_NODE, 0); /* which is taken */
	NOTE(8, !!q);
	bpf_arena_free_pages(&arena, p + 4096, 1);
	q = bpf_arena_alloc_pages(&arena, p + 4096, 1, NUMA_NO_NODE, 0);
	NOTE(9, q == p + 4096);
	r = bpf_arena_alloc_pages(&arena, p + 1, 1, NUMA_NO_NODE, 0); /* in the middle of a page */
	NOTE(10, !!r);
	NOTE(11, p[0] + p[3 * 4096 - 1]);
	bpf_arena_free_pages(&arena, p, 3);
	return 0;
}
