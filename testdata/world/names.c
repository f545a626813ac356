/* What programs that load others ask: numbers of types, addresses of symbols, closing descriptors. */
#include "w.h"

NOTES(32)

#define FIND(i, text, size, kind, flags)                                                                               \
	({                                                                                                             \
		char name[] = text;                                                                                    \
		NOTE(i, bpf_btf_find_by_name_kind(name, size ? size : sizeof(name), kind, flags));                     \
	})

SEC("syscall")
int types(void *ctx)
{
	FIND(0, "task_struct", 0, 4, 0);
	FIND(1, "task_struct", 0, 5, 0);
	FIND(2, "task_struct", 0, 4, 1);
	FIND(3, "task_struct", 5, 4, 0);
	FIND(4, "no_such_thing", 0, 4, 0);
	FIND(5, "bpf_map_type", 0, 6, 0);
	FIND(6, "int", 0, 1, 0);
	FIND(7, "__u64", 0, 8, 0);
	FIND(8, "schedule", 0, 12, 0);
	FIND(9, "in6_addr", 0, 4, 0);
	FIND(10, "int\0more", 0, 1, 0);
	FIND(11, "int", 0, 257, 0);
	FIND(12, "i", 1, 1, 0);
	FIND(13, "int", 0, 0, 0);
	FIND(14, "int", 0, 1000, 0);
	return 0;
}

#define LOOK_UP(i, text, size, flags)                                                                                  \
	({                                                                                                             \
		char name[] = text;                                                                                    \
		__u64 addr = 7;                                                                                        \
		NOTE(i, bpf_kallsyms_lookup_name(name, size ? size : sizeof(name), flags, &addr));                     \
		NOTE(i + 1, addr == 7 ? 7 : addr != 0);                                                                \
	})

SEC("syscall")
int symbols(void *ctx)
{
	LOOK_UP(16, "schedule", 0, 0);
	LOOK_UP(18, "no_such_thing", 0, 0);
	LOOK_UP(20, "schedule", 0, 1);
	LOOK_UP(22, "schedule", 3, 0);
	LOOK_UP(24, "s", 1, 0);
	NOTE(26, bpf_sys_close(1 << 20));
	NOTE(27, bpf_sys_close(-1));
	return 0;
}
