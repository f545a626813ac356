/* bpf_snprintf_btf: memory as text, by types of the kernel that the relocations name, and by numbers
 * of types that the script gives. */
#include "w.h"
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <bpf/bpf_core_read.h>

NOTES(32)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, char[1024]);
} texts SEC(".maps");

struct given {
	__u32 type, size;
	__u64 flags;
	char data[512];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct given);
} givens SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[16384]);
} output SEC(".maps");

/* What the kernel has under the same names. */
struct list_head {
	struct list_head *next, *prev;
};

char data[64] = { 0x45, 0, 0, 84, 1, 2, 0x40, 0, 64, 17, 'h', 'i', 127, 0, 0, 1, 8, 8, 8, 8 };

#define SHOW(i, size, id, p, flags)                                                                                    \
	({                                                                                                             \
		__u32 key = i;                                                                                         \
		char *text = bpf_map_lookup_elem(&texts, &key);                                                        \
		struct btf_ptr ptr = { .ptr = (void *)(p), .type_id = id };                                            \
		if (text)                                                                                              \
			NOTE(i, bpf_snprintf_btf(text, size, &ptr, sizeof(ptr), flags));                               \
	})

#define ALL (BTF_F_COMPACT | BTF_F_NONAME | BTF_F_PTR_RAW | BTF_F_ZERO)

SEC("raw_tp")
int types(void *ctx)
{
	struct list_head list = { (void *)0xffff0123, 0 };
	__u32 iphdr = bpf_core_type_id_kernel(struct iphdr);

	SHOW(0, 1024, iphdr, data, 0);
	SHOW(1, 1024, iphdr, data, BTF_F_COMPACT);
	SHOW(2, 1024, iphdr, data, BTF_F_NONAME);
	SHOW(3, 1024, iphdr, data, BTF_F_ZERO);
	SHOW(4, 1024, iphdr, data, ALL);
	SHOW(5, 1024, bpf_core_type_id_kernel(struct ethhdr), data, BTF_F_COMPACT);
	SHOW(6, 1024, bpf_core_type_id_kernel(struct in6_addr), data, 0);
	SHOW(7, 1024, bpf_core_type_id_kernel(enum bpf_map_type), data + 1, 0);
	SHOW(8, 1024, bpf_core_type_id_kernel(int), data, 0);
	SHOW(9, 1024, bpf_core_type_id_kernel(struct list_head), &list, BTF_F_PTR_RAW);
	SHOW(10, 1024, bpf_core_type_id_kernel(struct list_head), &list, BTF_F_PTR_RAW | BTF_F_ZERO | BTF_F_COMPACT);
	SHOW(11, 1024, bpf_core_type_id_kernel(__be32), data, 0);
	SHOW(12, 1024, bpf_core_type_id_kernel(struct iphdr), data + 24, 0);
	return 0;
}

SEC("raw_tp")
int refused(void *ctx)
{
	struct btf_ptr ptr = { .ptr = data, .type_id = bpf_core_type_id_kernel(struct iphdr) };
	__u32 key = 1;
	char *text = bpf_map_lookup_elem(&texts, &key);

	SHOW(13, 1, bpf_core_type_id_kernel(struct iphdr), data, 0);
	SHOW(14, 20, bpf_core_type_id_kernel(struct iphdr), data, 0);
	SHOW(15, 1024, bpf_core_type_id_kernel(struct iphdr), data, 16);
	SHOW(16, 1024, 0, data, 0);
	SHOW(17, 1024, 0x7fffffff, data, 0);
	SHOW(18, 1024, 0x80000000, data, 0);
	SHOW(19, 1024, bpf_core_type_id_kernel(struct iphdr), 0, 0);
	SHOW(20, 1024, bpf_core_type_id_kernel(struct iphdr), 0xffffff0000000000, 0);
	SHOW(21, 1024, bpf_core_type_id_kernel(struct iphdr), 4096, 0);
	if (text)
		NOTE(22, bpf_snprintf_btf(text, 1024, &ptr, 12, 0));
	return 0;
}

SEC("raw_tp")
int given(void *ctx)
{
	__u32 zero = 0;
	struct given *g = bpf_map_lookup_elem(&givens, &zero);
	char *text = bpf_map_lookup_elem(&output, &zero);

	if (!g || !text)
		return -1;
	struct btf_ptr ptr = { .ptr = g->data, .type_id = g->type };
	__u32 size = g->size;
	if (size < 1 || size > 16384)
		return -1;
	return bpf_snprintf_btf(text, size, &ptr, sizeof(ptr), g->flags);
}
