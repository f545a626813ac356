// Package difftest runs generated programs on every engine and compares all
// that can be seen of a run: R0 or the fault, memory, the values of maps, the
// calls of helpers with their arguments, and the flow of calls and tail calls.
package difftest

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/progen"
)

// World is what one run of a program happens in: memory, maps, helpers.
// Worlds of the same program in the same arena are equal, addresses included.
type World struct {
	Module *bpf.Module
	Arena  *arena.Arena
	Tables *engine.Tables

	prog   *progen.Program
	stack  uint64 // address of the data stack
	mem    uint64 // address of the buffer
	values []uint64
	calls  []uint64 // log of helper calls: a hash of each
}

// NewArena makes memory for worlds.
func NewArena() (*arena.Arena, error) { return engines.NewArena(progen.ArenaSize) }

// NewWorld sets the memory of p up in an arena, whose contents are lost. It writes
// the addresses of global data into mod, which p.Module made; in one arena they
// are the same every time.
func NewWorld(p *progen.Program, mod *bpf.Module, a *arena.Arena) (*World, error) {
	a.Reset()
	var err error
	w := &World{Module: mod, Arena: a, Tables: engine.NewTables(mod.Maps), prog: p, values: make([]uint64, len(mod.Maps))}
	if w.stack, err = a.Alloc(progen.StackSize); err != nil {
		return nil, err
	}
	if w.mem, err = w.alloc(p.Mem); err != nil {
		return nil, err
	}
	for i, m := range mod.Maps {
		if m.Type == bpf.MapTypeProgArray {
			continue
		}
		if w.values[i], err = w.alloc(p.Init[i]); err != nil {
			return nil, err
		}
		if m.Type == bpf.MapTypePerCPUArray {
			m.CPUValues, m.CPUSpan = w.values[i], uint64(progen.Span(m))
			w.values[i] += progen.CPU * m.CPUSpan // all that runs see
			continue
		}
		m.Values = w.values[i]
	}
	return w, nil
}

func (w *World) alloc(content []byte) (uint64, error) {
	addr, err := w.Arena.Alloc(uint64(len(content)))
	if err != nil {
		return 0, err
	}
	b, ok := w.Arena.Bytes(addr, uint64(len(content)))
	if !ok {
		return 0, fmt.Errorf("arena gave %#x, which it does not have", addr)
	}
	copy(b, content)
	return addr, nil
}

// Helper is the gate: what it does depends on its arguments and on the calls before alone.
func (w *World) Helper(kind uint8, id int32, args *[5]uint64) (uint64, error) {
	h := hash(uint64(len(w.calls)), uint64(kind), uint64(uint32(id)))
	for _, a := range args[:progen.HelperArgs(kind, id)] {
		h = hash(h, a)
	}
	if kind != bpf.CallHelper || id != 1 { // compiled code may look up without a call
		w.calls = append(w.calls, h)
	}
	if kind == bpf.CallKfunc || id >= progen.HelperScalar && id <= progen.HelperScalar+5 {
		return scalar(h), nil
	}
	switch id {
	case 1:
		return w.lookup(args)
	case 2:
		return w.update(args)
	case progen.HelperFill, progen.HelperSum:
		return w.bytes(id, args, h)
	case progen.HelperFail:
		return 0, fmt.Errorf("helper fails with %#x", args[0])
	case progen.HelperUnwind:
		return 0, &engine.Exit{R0: args[0]}
	}
	return 0, fmt.Errorf("there is no helper %d", id)
}

// scalar makes a helper's result: often small, so that conditions on it go both ways.
func scalar(h uint64) uint64 {
	switch h & 3 {
	case 0:
		return h >> 60
	case 1:
		return uint64(int64(h) >> 40)
	}
	return h
}

func hash(words ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, w := range words {
		h = (h ^ w) * 0xd6e8feb86659fd93
		h ^= h >> 32
	}
	return h
}

func (w *World) array(handle uint64) (*bpf.Map, uint64, error) {
	i, ok := bpf.MapIndex(handle)
	if !ok || i >= len(w.Module.Maps) || w.values[i] == 0 {
		return nil, 0, fmt.Errorf("%#x is no array", handle)
	}
	return w.Module.Maps[i], w.values[i], nil
}

func (w *World) memory(addr, n uint64) ([]byte, error) {
	b, ok := w.Arena.Bytes(addr, n)
	if !ok {
		return nil, fmt.Errorf("%d bytes at %#x are outside memory", n, addr)
	}
	return b, nil
}

func (w *World) element(args *[5]uint64) (m *bpf.Map, addr uint64, err error) {
	m, values, err := w.array(args[0])
	if err != nil {
		return nil, 0, err
	}
	key, err := w.memory(args[1], 4)
	if err != nil {
		return nil, 0, err
	}
	i := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
	if i >= m.MaxEntries {
		return m, 0, nil
	}
	return m, values + uint64(i)*uint64(progen.Stride(m)), nil
}

func (w *World) lookup(args *[5]uint64) (uint64, error) {
	_, addr, err := w.element(args)
	return addr, err
}

func (w *World) update(args *[5]uint64) (uint64, error) {
	m, addr, err := w.element(args)
	if err != nil {
		return 0, err
	}
	value, err := w.memory(args[2], uint64(m.ValueSize))
	if err != nil {
		return 0, err
	}
	if addr == 0 || args[3] == 1 || args[3] > 2 {
		return ^uint64(21), nil // -EINVAL
	}
	to, err := w.memory(addr, uint64(m.ValueSize))
	if err != nil {
		return 0, err
	}
	copy(to, value)
	return 0, nil
}

func (w *World) bytes(id int32, args *[5]uint64, h uint64) (uint64, error) {
	b, err := w.memory(args[0], args[1])
	if err != nil {
		return 0, err
	}
	sum := uint64(0)
	for i := range b {
		if id == progen.HelperFill {
			b[i] = byte(hash(h, uint64(i)) >> 56)
		}
		sum = sum*31 + uint64(b[i])
	}
	return sum, nil
}
