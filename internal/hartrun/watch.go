package hartrun

import "github.com/rivetbpf/rivet/internal/hart"

// Watch has visit called in every later run before each instruction, with its
// offset in the image. Such runs are slow: it is for counting what code does.
func (e *Engine) Watch(visit func(pc uint32)) { e.watch = visit }

// advance runs the hart to its next trap, hart.Limit at the latest.
func (e *Engine) advance(h *machine) hart.Trap {
	if e.watch == nil {
		return h.Run(between)
	}
	for {
		e.watch(uint32(h.PC - codeBase))
		if trap := h.Step(); trap.Kind != hart.None {
			return trap
		}
	}
}
