/* The harness's output: "ret=0x........ retired=N\n" on standard output. */
#define HARNESS __attribute__((section("harness"), noinline))

static HARNESS void write_out(const char *p, unsigned long n)
{
	register long a0 __asm__("a0") = 1;
	register const char *a1 __asm__("a1") = p;
	register unsigned long a2 __asm__("a2") = n;
	register long a7 __asm__("a7") = 64;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
}

HARNESS void report(unsigned int ret, unsigned long retired)
{
	char buf[48], *p = buf + sizeof(buf);
	int i;

	*--p = '\n';
	do
		*--p = '0' + retired % 10;
	while (retired /= 10);
	*--p = '='; *--p = 'd'; *--p = 'e'; *--p = 'r'; *--p = 'i'; *--p = 't'; *--p = 'e'; *--p = 'r'; *--p = ' ';
	for (i = 0; i < 8; i++, ret >>= 4)
		*--p = "0123456789abcdef"[ret & 15];
	*--p = 'x'; *--p = '0'; *--p = '='; *--p = 't'; *--p = 'e'; *--p = 'r';
	write_out(p, buf + sizeof(buf) - p);
}
