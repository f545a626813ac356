package helpers

// Sections in which the kernel may not be interrupted or must not free what others read
// (kernel/bpf/helpers.c). All of a run is one here: others run beside it, never in its place,
// and what it can reach is not freed before it ends.
var sectionHelpers = []*Helper{
	{Name: "bpf_rcu_read_lock", Fn: nothing},
	{Name: "bpf_rcu_read_unlock", Fn: nothing},
	{Name: "bpf_preempt_disable", Fn: nothing},
	{Name: "bpf_preempt_enable", Fn: nothing},
	{Name: "bpf_local_irq_save", Fn: nothing, Args: []Arg{{Name: "flags", Kind: MemW, Size: 8}}},
	{Name: "bpf_local_irq_restore", Fn: nothing, Args: []Arg{{Name: "flags", Kind: Mem, Size: 8}}},
}

func nothing(*Call) (uint64, error) { return 0, nil }
