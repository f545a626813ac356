package compile

import (
	"sort"

	"github.com/rivetbpf/rivet/internal/engine"
)

// Image is the machine code of a module, linked for one address.
type Image struct {
	Base  uint64
	Code  []byte
	Funcs []FuncCode // by index in Module.Funcs
	// ReturnPC is where a run's first frame returns to; FaultPC is where code
	// goes that found an invalid address. Both are offsets into Code.
	ReturnPC, FaultPC uint32

	lines []LineEntry // sorted by PC
	sites []Site      // sorted by PC
	marks []Mark      // sorted by PC
}

// FuncCode is where a function's code is. Offsets are into Image.Code.
type FuncCode struct {
	Entry uint32 // where a run starts
	Body  uint32 // where calls and tail calls go: past the instruction that sets the tail-call count
	Exit  uint32 // first byte behind the body: fault stubs follow
	End   uint32
}

// LineEntry says which BPF instruction the code from PC on belongs to; Insn is
// -1 for prologues and -2 for fault stubs.
type LineEntry struct {
	PC   uint32
	Func int32
	Insn int32
}

// Values of LineEntry.Insn for code that belongs to no BPF instruction.
const (
	LinePrologue = -1
	LineStubs    = -2
)

// SiteKind says how code leaves.
type SiteKind uint8

const (
	SiteHelper SiteKind = iota // gate: helper ID
	SiteKfunc                  // gate: kfunc ID
	SiteCallX                  // gate: indirect call of something that is no function
	SiteFault                  // a check failed
)

// Site is a place where code leaves through the gate. PC is that of the
// instruction behind the one that leaves.
type Site struct {
	PC    uint32
	Func  int32
	Insn  int32
	Kind  SiteKind
	Fault engine.FaultKind // for SiteFault
	Size  uint8            // for SiteFault: bytes accessed
	ID    int32
}

// MarkKind is a step of the flow.
type MarkKind uint8

const (
	MarkCall     MarkKind = iota // at a call instruction
	MarkReturn                   // behind it
	MarkTailCall                 // before a tail call's first check
	MarkHelper                   // at the gate instruction of a helper call
	MarkInline                   // behind a helper call that was compiled in place; Target is its number
	MarkExit                     // before the epilogue
)

// Home says where the tail-call count lives.
type Home uint8

const (
	HomeNone Home = iota
	HomeA6
	HomeFrame
	HomeS10
)

func (h Home) String() string { return [...]string{"", "a6", "frame", "s10"}[h] }

// Mark is a step of the flow at PC.
type Mark struct {
	PC     uint32
	Func   int32
	Insn   int32
	Kind   MarkKind
	Home   Home  // of the count, here
	Slot   int32 // HomeFrame: offset from the control stack pointer
	Target int32 // MarkCall: function; -1 when a register tells
	Map    int32 // MarkTailCall: index of the map, -1 when a register tells
	Index  int64 // MarkTailCall: the index, -1 when a register tells
}

// LineAt returns the line entry that the code at offset pc belongs to.
func (im *Image) LineAt(pc uint32) (LineEntry, bool) {
	i := sort.Search(len(im.lines), func(i int) bool { return im.lines[i].PC > pc })
	if i == 0 {
		return LineEntry{}, false
	}
	return im.lines[i-1], true
}

// Lines returns the line table, sorted by PC.
func (im *Image) Lines() []LineEntry { return im.lines }

// SiteAt returns the site whose PC is pc.
func (im *Image) SiteAt(pc uint32) (*Site, bool) {
	i, n := 0, len(im.sites) // sort.Search calls a function for each step, and this is on the way to helpers
	for i < n {
		if h := int(uint(i+n) >> 1); im.sites[h].PC < pc {
			i = h + 1
		} else {
			n = h
		}
	}
	if i == len(im.sites) || im.sites[i].PC != pc {
		return nil, false
	}
	return &im.sites[i], true
}

// Marks returns the steps of the flow, sorted by PC.
func (im *Image) Marks() []Mark { return im.marks }
