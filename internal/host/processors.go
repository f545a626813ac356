package host

// Processors tells of the machine's processors.
type Processors interface {
	// NUMANode returns the memory node of a processor.
	NUMANode(cpu uint32) uint32
	// PerCPU returns the address of processor cpu's copy of the kernel's per-CPU variable
	// whose address, as CollectionOptions.Ksyms gives it, is addr.
	PerCPU(addr uint64, cpu uint32) uint64
}

// NUMANode puts all processors into the first node.
func (Default) NUMANode(uint32) uint32 { return 0 }

// PerCPU knows one copy of a variable.
func (Default) PerCPU(addr uint64, _ uint32) uint64 { return addr }
