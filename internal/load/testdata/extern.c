/* What the environment provides: kfuncs, kernel variables, configuration. */
#include "bpf.h"

extern int rivet_known(int x) __ksym;
extern int rivet_maybe(int x) __weak __ksym;
extern void rivet_variable __weak __ksym;
extern void rivet_needed __ksym;
extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_RIVET __kconfig;
extern int CONFIG_RIVET_NUMBER __kconfig;
extern char CONFIG_RIVET_NAME[8] __kconfig;

SEC("tc") int calls(void *ctx)
{
	int n = rivet_known(1);

	if (&rivet_maybe)
		n += rivet_maybe(2);
	if (&rivet_variable)
		n++;
	return n;
}

SEC("tc") int needs(void *ctx)
{
	return (long)&rivet_needed >> 3;
}

SEC("tc") int config(void *ctx)
{
	return LINUX_KERNEL_VERSION + CONFIG_RIVET + CONFIG_RIVET_NUMBER + CONFIG_RIVET_NAME[1];
}
