package rivet

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/interp"
)

// LineCount says how often a place in the source of a program was executed.
type LineCount struct {
	Function     string // the BPF function that it was compiled into
	File         string // as the compiler named it
	Line, Column int    // from 1 on; Column is 0 where the object does not say, as at the start of functions
	Text         string // source text of the line
	Count        uint64 // of the instruction made for it that was executed most often
}

// Coverage returns every place in the source that the object has instructions
// for, sorted by file, line and column, each once for each function that it was
// compiled into: code of an inlined function belongs to those that it is in. It
// counts the runs of the collection so far, and is empty without [CollectionOptions.Coverage] or line
// information. A compiler that optimizes may have moved a place's code,
// so a line beside the one that one expects can have its count.
func (coll *Collection) Coverage() []LineCount {
	e, ok := coll.core.backend.(*interp.Engine)
	if !ok || !coll.core.opts.Coverage {
		return nil
	}
	var all []LineCount
	for _, f := range coll.core.module.Funcs {
		all = append(all, functionCoverage(e, f)...)
	}
	slices.SortStableFunc(all, func(a, b LineCount) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Function, b.Function))
	})
	return all
}

// functionCoverage gives each place once, however often the function's line table names it.
func functionCoverage(e *interp.Engine, f *bpf.Func) []LineCount {
	type place struct {
		file      string
		line, col int
	}
	var counts []LineCount
	index := map[place]int{}
	for i, l := range f.Lines {
		if l.Num == 0 {
			continue
		}
		at := place{l.File, l.Num, l.Col}
		k, ok := index[at]
		if !ok {
			k = len(counts)
			index[at] = k
			counts = append(counts, LineCount{Function: f.Name, File: l.File, Line: l.Num, Column: l.Col, Text: l.Text})
		}
		end := len(f.Insns)
		if i+1 < len(f.Lines) {
			end = f.Lines[i+1].Insn
		}
		for slot := l.Insn; slot < end; slot++ {
			counts[k].Count = max(counts[k].Count, e.Executed(f.Index, slot))
		}
	}
	return counts
}

// covering returns the engine of a collection that counts, which is the interpreter.
func (o *CollectionOptions) covering() (Engine, error) {
	switch o.Engine {
	case EngineDefault, EngineInterp:
		return EngineInterp, nil
	}
	return 0, fmt.Errorf("CollectionOptions.Coverage on the %v engine: %w: the interpreter counts", o.Engine, ErrNotSupported)
}
