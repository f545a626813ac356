package interp

import "sync/atomic"

// Count has every later run count how often each instruction is executed. Call
// it before the first run. An engine that does not count pays nothing for it:
// the mark is in the code of each operation, beyond those of ordinary ones.
func (e *Engine) Count() {
	for _, f := range e.funcs {
		f.counts = make([]uint64, len(f.ops))
		for i := range f.ops {
			f.ops[i].code += opCount
		}
	}
}

// Executed returns how often the instruction in a slot of a function was executed since Count.
func (e *Engine) Executed(fn, slot int) uint64 {
	return atomic.LoadUint64(&e.funcs[fn].counts[slot])
}
