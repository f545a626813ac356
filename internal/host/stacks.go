package host

// Stacks tells what called what.
type Stacks interface {
	// Stack returns the addresses of the frames of the task that a program on processor cpu
	// interrupts, the innermost first: those of the kernel, or of the process. Nil: there is none.
	Stack(cpu uint32, user bool) []uint64
}

// Stack returns none: a guest's own frames are no addresses of a kernel.
func (Default) Stack(uint32, bool) []uint64 { return nil }
