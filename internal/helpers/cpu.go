package helpers

import "math/rand/v2"

// Random numbers and processors: enum bpf_func_id 7, 8, 42, 153 and 154.
var cpuHelpers = []*Helper{
	{ID: 7, Name: "get_prandom_u32", Fn: func(c *Call) (uint64, error) { return uint64(c.Run.World.Random()), nil }},
	{ID: 8, Name: "get_smp_processor_id", Fn: func(c *Call) (uint64, error) { return uint64(c.Run.CPU), nil }},
	{ID: 42, Name: "get_numa_node_id", Fn: func(c *Call) (uint64, error) {
		return uint64(c.Run.World.Host.NUMANode(c.Run.CPU)), nil
	}},
	{ID: 153, Name: "per_cpu_ptr", Fn: perCPUPtr, Args: []Arg{{Name: "percpu_ptr", Kind: Scalar}, {Name: "cpu", Kind: Scalar}}},
	{ID: 154, Name: "this_cpu_ptr", Args: []Arg{{Name: "percpu_ptr", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) {
		return c.Run.World.perCPU(c.Args[0], c.Run.CPU), nil
	}},
}

// perCPUPtr is bpf_per_cpu_ptr: NULL for a processor that there is not.
func perCPUPtr(c *Call) (uint64, error) {
	cpu := uint32(c.Args[1])
	if cpu >= uint32(c.Run.World.CPUs) {
		return 0, nil
	}
	return c.Run.World.perCPU(c.Args[0], cpu), nil
}

// perCPU finds a processor's copy of an object that programs allocated, or of a variable of the host's.
func (w *World) perCPU(ptr uint64, cpu uint32) uint64 {
	if at, ok := w.heap.perCPU(ptr, cpu); ok {
		return at
	}
	return w.Host.PerCPU(ptr, cpu)
}

func random() uint32 { return rand.Uint32() }
