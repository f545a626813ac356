// Package listing shows machine code beside what it was made from: source
// lines, BPF instructions, and for each the instructions of the target, with
// prologues, epilogues and fault stubs labelled.
package listing

import (
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/trace"
)

// Listing is the code of a module, or of some of its functions.
type Listing struct {
	Object    string  `json:"object"`
	March     string  `json:"march"`
	TailCalls string  `json:"tail_calls"`
	Bytes     int     `json:"bytes"` // of the functions shown
	Insns     int     `json:"insns"`
	Gate      []Insn  `json:"gate,omitempty"` // the code that all functions share
	Funcs     []*Func `json:"functions"`
}

// Func is a function's code.
type Func struct {
	Name     string  `json:"name"`
	Program  string  `json:"program_type,omitempty"` // of the program that it is the entry of
	Addr     uint64  `json:"addr"`                   // where a run starts
	Body     uint64  `json:"body"`                   // where calls and tail calls go
	Bytes    int     `json:"bytes"`
	Insns    int     `json:"insns"`
	BPFInsns int     `json:"bpf_insns"`
	Blocks   []Block `json:"blocks"`
}

// Kinds of blocks.
const (
	KindEntry    = "entry"    // sets the tail-call count; calls and tail calls begin behind it
	KindPrologue = "prologue" // makes the frame
	KindInsn     = "insn"     // code of one BPF instruction
	KindEpilogue = "epilogue" // code of an exit that unwinds the frame
	KindStubs    = "stubs"    // where failed checks go
)

// Block is a stretch of code that belongs together.
type Block struct {
	Kind string `json:"kind"`
	Slot int    `json:"bpf_insn"` // slot number of the BPF instruction; -1 for none
	BPF  string `json:"bpf,omitempty"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text,omitempty"`
	Note string `json:"note,omitempty"`
	Code []Insn `json:"code"`
}

// Insn is one instruction of the target.
type Insn struct {
	Addr  uint64 `json:"addr"`
	Bytes string `json:"bytes"` // in the order of memory
	Text  string `json:"text"`
	Note  string `json:"note,omitempty"` // what it refers to
}

// lister has what is needed while a listing is made.
type lister struct {
	mod   *bpf.Module
	im    *compile.Image
	t     compile.Target
	marks map[uint32][]compile.Mark
}

// Make lists the functions of an image that keep takes; nil takes all.
func Make(mod *bpf.Module, im *compile.Image, t compile.Target, keep func(fn int) bool) *Listing {
	l := &lister{mod, im, t, map[uint32][]compile.Mark{}}
	for _, m := range im.Marks() {
		l.marks[m.PC] = append(l.marks[m.PC], m)
	}
	out := &Listing{}
	first := uint32(len(im.Code))
	for _, f := range im.Funcs {
		first = min(first, f.Entry)
	}
	out.Gate = l.disasm(0, first)
	for i := range im.Funcs {
		if keep != nil && !keep(i) {
			continue
		}
		f := l.function(i)
		out.Funcs = append(out.Funcs, f)
		out.Bytes += f.Bytes
		out.Insns += f.Insns
	}
	return out
}

func (l *lister) function(i int) *Func {
	c, fn := l.im.Funcs[i], l.mod.Funcs[i]
	f := &Func{Name: fn.Name, Addr: l.im.Base + uint64(c.Entry), Body: l.im.Base + uint64(c.Body), Bytes: int(c.End - c.Entry), BPFInsns: len(fn.Insns)}
	for _, p := range l.mod.Programs {
		if p.Func == i {
			f.Program = p.Type
		}
	}
	shown := make([]bool, len(fn.Insns))
	for _, r := range l.ranges(c) {
		switch {
		case r.insn == compile.LineStubs:
			f.Blocks = append(f.Blocks, Block{Kind: KindStubs, Slot: -1, Code: l.disasm(r.from, r.to)})
		case r.insn < 0:
			f.Blocks = append(f.Blocks, l.prologue(c, r)...)
		default:
			f.Blocks = append(f.Blocks, l.silent(fn, shown, r.insn)...)
			f.Blocks = append(f.Blocks, l.insn(fn, r))
			shown[r.insn] = true
		}
	}
	f.Blocks = append(f.Blocks, l.silent(fn, shown, len(fn.Insns))...)
	for _, b := range f.Blocks {
		f.Insns += len(b.Code)
	}
	return f
}

// codeRange is code of one BPF instruction, or of none.
type codeRange struct {
	from, to uint32
	insn     int
}

// ranges cuts a function's code at the entries of the line table.
func (l *lister) ranges(c compile.FuncCode) []codeRange {
	lines := l.im.Lines()
	start, _ := slices.BinarySearchFunc(lines, c.Entry, func(e compile.LineEntry, pc uint32) int { return int(e.PC) - int(pc) })
	var list []codeRange
	for i := start; i < len(lines) && lines[i].PC < c.End; i++ {
		end := c.End
		if i+1 < len(lines) {
			end = min(end, lines[i+1].PC)
		}
		if lines[i].PC == end {
			continue // nothing was emitted
		}
		r := codeRange{lines[i].PC, end, int(lines[i].Insn)}
		if n := len(list); n > 0 && list[n-1].insn == r.insn {
			list[n-1].to = r.to
			continue
		}
		list = append(list, r)
	}
	return list
}

// prologue splits off the instructions that only entries from outside execute.
func (l *lister) prologue(c compile.FuncCode, r codeRange) []Block {
	var list []Block
	if r.from < c.Body && c.Body <= r.to {
		list = append(list, Block{Kind: KindEntry, Slot: -1, Code: l.disasm(r.from, c.Body)})
		r.from = c.Body
	}
	if r.from < r.to {
		list = append(list, Block{Kind: KindPrologue, Slot: -1, Code: l.disasm(r.from, r.to)})
	}
	return list
}

func (l *lister) insn(fn *bpf.Func, r codeRange) Block {
	b := l.block(fn, r.insn)
	b.Code = l.disasm(r.from, r.to)
	if fn.Insns[r.insn].Op == bpf.OpExit && len(b.Code) > 1 {
		b.Kind = KindEpilogue
	}
	for pc := r.from; pc < r.to; pc++ {
		for _, m := range l.marks[pc] {
			if m.Kind == compile.MarkTailCall && int(m.Insn) == r.insn {
				b.Note = countNote(m)
			}
		}
	}
	return b
}

func countNote(m compile.Mark) string {
	switch m.Home {
	case compile.HomeFrame:
		return fmt.Sprintf("count in frame slot %d", m.Slot)
	case compile.HomeNone:
		return ""
	}
	return "count in " + m.Home.String()
}

func (l *lister) block(fn *bpf.Func, slot int) Block {
	b := Block{Kind: KindInsn, Slot: slot, BPF: bpfasm.Format(l.mod, fn, slot), Code: []Insn{}}
	if s, ok := fn.LineAt(slot); ok {
		b.File, b.Line, b.Text = path.Base(s.File), s.Num, strings.TrimSpace(s.Text)
	}
	return b
}

// silent lists BPF instructions before slot that no code was needed for: they
// were folded into others, or nothing reads what they compute.
func (l *lister) silent(fn *bpf.Func, shown []bool, slot int) []Block {
	from := slot
	for from > 0 && !shown[from-1] {
		from--
	}
	var list []Block
	for i := from; i < slot; i++ {
		shown[i] = true
		if b := l.block(fn, i); b.BPF != "" { // not the second half of a 64-bit immediate
			list = append(list, b)
		}
	}
	return list
}

func (l *lister) disasm(from, to uint32) []Insn {
	list := []Insn{}
	for pc := from; pc < to; {
		addr := l.im.Base + uint64(pc)
		text, n := l.t.Disasm(l.im.Code[pc:to], addr)
		if n <= 0 {
			text, n = "unknown", min(2, int(to-pc))
		}
		in := Insn{Addr: addr, Bytes: hex.EncodeToString(l.im.Code[pc : pc+uint32(n)]), Text: text}
		in.Note = l.note(pc+uint32(n), text)
		list = append(list, in)
		pc += uint32(n)
	}
	return list
}

// note says what an instruction refers to: the helper or fault that it leaves
// for, or the place that it jumps to. next is the offset behind it.
func (l *lister) note(next uint32, text string) string {
	if s, ok := l.im.SiteAt(next); ok {
		switch s.Kind {
		case compile.SiteHelper:
			return trace.HelperName(s.ID)
		case compile.SiteKfunc:
			if int(s.ID) < len(l.mod.Kfuncs) {
				return l.mod.Kfuncs[s.ID]
			}
		case compile.SiteCallX:
			return "call of a helper through a register, or of nothing"
		case compile.SiteFault:
			if s.Size > 0 && s.Fault != engine.FaultFuel {
				return fmt.Sprintf("insn %d: %v, %s", s.Insn, s.Fault, byteCount(int(s.Size)))
			}
			return fmt.Sprintf("insn %d: %v", s.Insn, s.Fault)
		}
	}
	return l.jump(text)
}

func byteCount(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// jump names the target of a jump whose text ends with an address.
func (l *lister) jump(text string) string {
	op, args, _ := strings.Cut(text, " ")
	if !strings.HasPrefix(op, "b") && !strings.HasPrefix(op, "j") {
		return ""
	}
	last := args[strings.LastIndexByte(args, ',')+1:]
	addr, err := strconv.ParseUint(strings.TrimPrefix(last, "0x"), 16, 64)
	if err != nil || !strings.HasPrefix(last, "0x") || addr-l.im.Base >= uint64(len(l.im.Code)) {
		return ""
	}
	pc := uint32(addr - l.im.Base)
	switch pc {
	case l.im.FaultPC:
		return "fault"
	case l.im.ReturnPC:
		return "return"
	}
	for i, f := range l.im.Funcs {
		if pc == f.Body || pc == f.Entry {
			return l.mod.Funcs[i].Name
		}
	}
	e, ok := l.im.LineAt(pc)
	switch {
	case !ok:
		return ""
	case e.Insn >= 0:
		return fmt.Sprintf("insn %d", e.Insn)
	case e.Insn == compile.LineStubs:
		return "fault stub"
	}
	return ""
}
