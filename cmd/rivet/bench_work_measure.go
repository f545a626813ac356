//go:build measure

package main

import (
	"fmt"
	"strings"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/inspect"
	"github.com/rivetbpf/rivet/internal/listing"
)

// Kinds of work that retired instructions do, by the BPF instruction that they
// were made for.
const (
	workFrame = "frames"
	workALU   = "arithmetic"
	workMem   = "loads and stores"
	workAtom  = "atomics"
	workJump  = "jumps"
	workCall  = "calls, exits"
	workTail  = "tail calls"
)

var workKinds = []string{workFrame, workALU, workMem, workAtom, workJump, workCall, workTail}

// work prints where the instructions of a run go. What checks cost is the
// difference to code without them.
func (b *bench) work() error {
	t := table{head: append([]string{"rv64gc", "retired", "checks", "fuel"}, workKinds...)}
	for _, p := range b.programs {
		checked, fuel, _, err := b.profile(p, rivet.EngineHart)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Program, err)
		}
		bare, _, kinds, err := b.profile(p, rivet.EngineHartUnchecked)
		if err != nil {
			return fmt.Errorf("%s without checks: %w", p.Program, err)
		}
		row := []any{p.Program, checked, int(checked-bare) - fuel, fuel}
		for _, k := range workKinds {
			row = append(row, kinds[k])
		}
		t.add(row...)
	}
	return t.write(b.app.out)
}

// profile runs a program once and counts what retires: in all, for fuel, and by kind of work.
func (b *bench) profile(p benchProgram, e rivet.Engine) (retired uint64, fuel int, kinds map[string]int, err error) {
	l, err := b.load(p, "rv64gc", e)
	if err != nil {
		return 0, 0, nil, err
	}
	defer l.coll.Close()
	im, target, _ := inspect.Image(l.coll)
	mod := inspect.Module(l.coll)
	kindAt, fuelAt := map[uint32]string{}, map[uint32]bool{}
	for i, f := range listing.Make(mod, im, target, nil).Funcs {
		for _, blk := range f.Blocks {
			for _, in := range blk.Code {
				pc := uint32(in.Addr - im.Base)
				kindAt[pc] = workOf(mod.Funcs[i], &blk)
				fuelAt[pc] = strings.Contains(in.Text, "s9")
			}
		}
	}
	counted := uint64(0)
	kinds = map[string]int{}
	inspect.Watch(l.coll, func(pc uint32) {
		kind, ok := kindAt[pc]
		if !ok {
			return // the gate, where runs end
		}
		counted++
		kinds[kind]++
		if fuelAt[pc] {
			fuel++
		}
	})
	res, err := l.program.RunDetailed(&rivet.RunOptions{Data: b.packet})
	if err == nil && res.Retired != counted {
		err = fmt.Errorf("%d instructions retired, of which the listing has %d", res.Retired, counted)
	}
	return counted, fuel, kinds, err
}

// workOf tells what a block of code is for.
func workOf(fn *bpf.Func, blk *listing.Block) string {
	if blk.Slot < 0 || blk.Kind == listing.KindEpilogue {
		return workFrame
	}
	in := fn.Insns[blk.Slot]
	switch in.Class() {
	case bpf.ClassALU, bpf.ClassALU64, bpf.ClassLD:
		return workALU
	case bpf.ClassJMP, bpf.ClassJMP32:
		switch {
		case in.IsTailCall():
			return workTail
		case in.Op == bpf.OpCall, in.Op == bpf.OpCallX, in.Op == bpf.OpExit:
			return workCall
		}
		return workJump
	}
	if in.Op == bpf.OpAtomDW || in.Op == bpf.OpAtomW {
		return workAtom
	}
	return workMem
}
