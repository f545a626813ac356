/* What kfuncs tell of strings that the script gives, and of addresses that are none. */
#include "w.h"

NOTES(64)

int bpf_strcmp(const char *s1, const char *s2) __ksym;
int bpf_strcasecmp(const char *s1, const char *s2) __ksym;
int bpf_strchr(const char *s, char c) __ksym;
int bpf_strchrnul(const char *s, char c) __ksym;
int bpf_strnchr(const char *s, __u64 count, char c) __ksym;
int bpf_strrchr(const char *s, char c) __ksym;
int bpf_strlen(const char *s) __ksym;
int bpf_strnlen(const char *s, __u64 count) __ksym;
int bpf_strspn(const char *s, const char *accept) __ksym;
int bpf_strcspn(const char *s, const char *reject) __ksym;
int bpf_strstr(const char *s1, const char *s2) __ksym;
int bpf_strnstr(const char *s1, const char *s2, __u64 len) __ksym;

struct {
	char s1[64], s2[64];
	__u32 number;
} in;

SEC("syscall")
int all(void *ctx)
{
	NOTE(0, bpf_strcmp(in.s1, in.s2));
	NOTE(1, bpf_strcasecmp(in.s1, in.s2));
	NOTE(2, bpf_strchr(in.s1, in.s2[0]));
	NOTE(3, bpf_strchrnul(in.s1, in.s2[0]));
	NOTE(4, bpf_strnchr(in.s1, in.number, in.s2[0]));
	NOTE(5, bpf_strrchr(in.s1, in.s2[0]));
	NOTE(6, bpf_strlen(in.s1));
	NOTE(7, bpf_strnlen(in.s1, in.number));
	NOTE(8, bpf_strspn(in.s1, in.s2));
	NOTE(9, bpf_strcspn(in.s1, in.s2));
	NOTE(10, bpf_strstr(in.s1, in.s2));
	NOTE(11, bpf_strnstr(in.s1, in.s2, in.number));
	return 0;
}

SEC("syscall")
int nowhere(void *ctx)
{
	char *null = (char *)0, *bad = (char *)0xffffff0000000000;

	NOTE(0, bpf_strcmp(in.s1, null));
	NOTE(1, bpf_strcmp(null, in.s1));
	NOTE(2, bpf_strcmp(bad, in.s1));
	NOTE(3, bpf_strcasecmp(in.s1, bad));
	NOTE(4, bpf_strchr(null, 'a'));
	NOTE(5, bpf_strchr(bad, 'a'));
	NOTE(6, bpf_strchrnul(bad, 'a'));
	NOTE(7, bpf_strnchr(null, 0, 'a'));
	NOTE(8, bpf_strnchr(bad, 0, 'a'));
	NOTE(9, bpf_strrchr(bad, 'a'));
	NOTE(10, bpf_strlen(bad));
	NOTE(11, bpf_strnlen(null, 4));
	NOTE(12, bpf_strnlen(bad, 0));
	NOTE(13, bpf_strspn(in.s1, bad));
	NOTE(14, bpf_strspn(bad, in.s1));
	NOTE(15, bpf_strcspn(in.s1, null));
	NOTE(16, bpf_strcspn(in.s1, bad));
	NOTE(17, bpf_strstr(in.s1, bad));
	NOTE(18, bpf_strstr(bad, in.s1));
	NOTE(19, bpf_strnstr(null, in.s1, 0));
	NOTE(20, bpf_strnstr(bad, in.s1, 0));
	return 0;
}
