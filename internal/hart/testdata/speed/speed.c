// Loops of several kinds, for measuring the hart beside other emulators. One of
// ALU, SIEVE, COPY, CALLS and HASH says which; the program exits with 0 if the
// result is the expected one.
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

static u8 buf[1 << 16], buf2[1 << 16];
static u64 tab[4096];

#if defined(ALU)
enum { want = 0x9bacf745c8a56e7d };
static u64 work(void) {
	u64 x = 88172645463325252, s = 0;
	for (int i = 0; i < 30000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		s += x;
	}
	return s;
}
#elif defined(SIEVE)
enum { want = 0x27ede0 };
static u64 work(void) {
	u64 s = 0;
	for (int r = 0; r < 400; r++) {
		for (int i = 0; i < 65536; i++)
			buf[i] = 1;
		for (int i = 2; i < 65536; i++) {
			if (!buf[i])
				continue;
			s++;
			for (int j = i + i; j < 65536; j += i)
				buf[j] = 0;
		}
	}
	return s;
}
#elif defined(COPY)
enum { want = 0x7a0a30 };
static u64 work(void) {
	u64 s = 0;
	for (int r = 0; r < 4000; r++) {
		u64 *d = (u64 *)buf, *q = (u64 *)buf2;
#pragma clang loop vectorize(disable) unroll(disable)
		for (int i = 0; i < 8192; i++) {
			d[i] = q[i] + r;
			__asm__ volatile("" ::: "memory");
		}
		s += d[r & 8191];
	}
	return s;
}
#elif defined(CALLS)
enum { want = 0x5704e7 };
static __attribute__((noinline)) u64 fib(u64 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static u64 work(void) { return fib(34); }
#elif defined(HASH)
enum { want = 0x69b043e9fcd57c00 };
static u64 work(void) {
	u64 s = 0;
	for (int i = 0; i < 4096; i++)
		tab[i] = i * 0x9e3779b97f4a7c15;
	for (int r = 0; r < 3000; r++) {
		u32 h = 2166136261;
		for (int i = 0; i < 4096; i++) {
			h = (h ^ (u8)tab[i]) * 16777619;
			if (h & 64)
				s += tab[h & 4095];
			else
				s ^= h;
		}
	}
	return s;
}
#endif

void _start(void) {
	register long a0 __asm__("a0") = work() != want;
	register long a7 __asm__("a7") = 93;
	__asm__ volatile("ecall" ::"r"(a0), "r"(a7));
	__builtin_unreachable();
}
