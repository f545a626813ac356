package kerneltest

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/kernel"
)

// kernelWorld is the kernel's side.
type kernelWorld struct{ *kernel.Collection }

// NewKernelSession begins a session on the kernel's side.
func NewKernelSession(c *kernel.Collection) *Session {
	return &Session{World: kernelWorld{c}, Kernel: true, hidden: map[string]bool{}}
}

func (w kernelWorld) run(program string, in Input) Output {
	if w.Programs[program] == nil {
		return Output{Err: fmt.Errorf("no program %q", program)}
	}
	res, err := w.Collection.Run(program, kernel.Input{Packet: in.Packet, Context: in.Context, CPU: in.CPU})
	return Output{Ret: res.Ret, Packet: res.Packet, Context: res.Context, Err: err}
}

func (w kernelWorld) Map(name string) MapAPI {
	if m := w.Maps[name]; m != nil {
		return m
	}
	return nil
}

func (w kernelWorld) cursor(name string) batchLookup {
	return cursorOf[ebpf.MapBatchCursor](w.Maps[name])
}

func (w kernelWorld) Program(name string) any { return w.Programs[name] }

func (w kernelWorld) maps() (names []string) {
	for name := range w.Maps {
		names = append(names, name)
	}
	return names
}
