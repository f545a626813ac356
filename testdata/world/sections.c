/* Sections that programs enter and leave. */
#include "kf.h"

extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;

__u64 n;

SEC("tc")
int enter(struct __sk_buff *ctx)
{
	unsigned long flags;
	bpf_rcu_read_lock();
	n += 1;
	bpf_rcu_read_unlock();
	bpf_preempt_disable();
	n += 10;
	bpf_preempt_disable();
	n += 100;
	bpf_preempt_enable();
	bpf_preempt_enable();
	bpf_local_irq_save(&flags);
	n += 1000;
	bpf_local_irq_restore(&flags);
	return n;
}
