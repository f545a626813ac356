package bpf

import "fmt"

// Module is everything that was loaded together: programs, the functions they
// are made of and the maps they name. Package load makes it and guarantees that
// every instruction is valid and every index in range.
type Module struct {
	Programs []*Program
	Funcs    []*Func
	Maps     []*Map
	Kfuncs   []string // names of called kfuncs; CallKfunc's Imm is an index here
	Traps    []Trap   // instructions that always fault: calls of HelperTrap and their index here
	// Types are the structures of the object, by their BTF IDs, which programs pass to kfuncs
	// that allocate.
	Types map[uint32]*Type
}

// Program is an entry point: a function that can be run or tail-called.
type Program struct {
	Name    string
	Type    string // cilium/ebpf's name of the program type: XDP, SchedCLS, …
	Section string
	Func    int // index into Module.Funcs
}

// Func is one function: an entry point or a subprogram.
type Func struct {
	Name  string
	Index int
	Insns []Insn
	Lines []Line // sorted by Insn

	// Set by package load from the call graph.
	Entry         bool  // some Program's function
	Callees       []int // functions it calls, takes the address of or may reach by callx, sorted, no duplicates
	AddrTaken     bool  // some function takes its address; callx may reach such functions alone
	HasTailCall   bool  // contains bpf_tail_call
	ReachTailCall bool  // a tail call can be reached from it, by subprogram calls too
	StackUsed     int   // bytes below r10 that constant offsets name
	FrameSize     int   // bytes to set aside: StackUsed, or 512 where r10 is indexed by a variable; a multiple of 8
	NumArgs       int   // how many of R1–R5 it may read on entry (5 when unknown)
	Work          int64 // bounds the instructions of a call that jumps back nowhere and burns no fuel
	CallsBurn     bool  // each call of a subprogram from here burns fuel, or Work would be beyond bounds
}

// Line maps an instruction, and those after it up to the next Line, to its source.
type Line struct {
	Insn int // slot number
	File string
	Num  int
	Col  int // column, from 1 on; 0 where the object does not say
	Text string
}

// Trap says why an instruction always faults.
type Trap struct {
	Func, Insn int
	Why        string
}

// LineAt returns the source line of the instruction at slot pc; ok is false
// when the object has no line information for it.
func (f *Func) LineAt(pc int) (l Line, ok bool) {
	lo, hi := 0, len(f.Lines)
	for lo < hi {
		if m := int(uint(lo+hi) >> 1); f.Lines[m].Insn <= pc {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == 0 {
		return Line{}, false
	}
	return f.Lines[lo-1], true
}

// Map is a map as a module's code sees it.
type Map struct {
	Name       string
	Type       uint32 // enum bpf_map_type
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	Inner      *Map    // of a map of maps: what those in it are like
	Fields     []Field // special fields of a value, sorted by Offset
	MapExtra   uint64  // what a kind makes of it: a bloom filter's number of hash functions, an arena's address for users

	// Values is the guest address of the first value where LoadMapValue can name
	// one (global data); 0 elsewhere. Whoever makes the maps sets it, before an
	// engine is made.
	Values uint64
	// CPUValues is the guest address of the first value of processor 0 in a per-CPU array, and
	// CPUSpan how much further on those of the next processor are. Value i of processor c is at
	// CPUValues + c*CPUSpan + i*Stride. Package maps sets them; 0 in other kinds.
	CPUValues, CPUSpan uint64
}

// Stride returns the distance between two values of an array map: Linux too
// rounds values up to 8 bytes.
func (m *Map) Stride() uint64 { return (uint64(m.ValueSize) + 7) &^ 7 }

// InPlace returns the address of the first value of a map whose elements compiled code finds by itself, that of
// processor 0 where each has its own; 0 for other maps, and for those whose access flags a helper must mind.
func (m *Map) InPlace() (values uint64, perCPU bool) {
	const access = 1<<7 | 1<<8 // BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG
	switch {
	case m.Flags&access != 0:
		return 0, false
	case m.Type == MapTypeArray:
		return m.Values, false
	case m.Type == MapTypePerCPUArray:
		return m.CPUValues, true
	}
	return 0, false
}

// Plain reports whether what a program finds in the map is always a whole value in guest memory.
func (m *Map) Plain() bool {
	switch m.Type {
	case MapTypeHash, MapTypeArray, MapTypePerCPUHash, MapTypePerCPUArray, MapTypeLRUHash, MapTypeLRUPerCPUHash, MapTypeLPMTrie:
		return true
	}
	return false
}

// Map types that the compiler itself must know (enum bpf_map_type).
const (
	MapTypeHash          = 1
	MapTypeArray         = 2
	MapTypeProgArray     = 3
	MapTypePerCPUHash    = 5
	MapTypePerCPUArray   = 6
	MapTypeLRUHash       = 9
	MapTypeLRUPerCPUHash = 10
	MapTypeLPMTrie       = 11
	MapTypeArena         = 33
)

// Values that a guest sees for things it can hold but not look into. They lie
// below 2 GiB so that two RV64 instructions load them, and outside the arena
// so that an access through one is a fault.
const (
	MapHandleBase  = 0x7f00_0000
	FuncHandleBase = 0x7e00_0000
	handleShift    = 4
	maxHandles     = 1 << 20
)

// MapHandle returns the guest value of a reference to map i.
func MapHandle(i int) uint64 { return MapHandleBase + uint64(i)<<handleShift }

// FuncHandle returns the guest value of a reference to function i.
func FuncHandle(i int) uint64 { return FuncHandleBase + uint64(i)<<handleShift }

// MapIndex is the inverse of [MapHandle]; ok is false for any other value. The
// caller checks the index against the number of maps.
func MapIndex(v uint64) (i int, ok bool) { return handleIndex(v, MapHandleBase) }

// FuncIndex is the inverse of [FuncHandle].
func FuncIndex(v uint64) (i int, ok bool) { return handleIndex(v, FuncHandleBase) }

func handleIndex(v, base uint64) (int, bool) {
	d := v - base
	if d>>handleShift >= maxHandles || d&(1<<handleShift-1) != 0 {
		return 0, false
	}
	return int(d >> handleShift), true
}

// Where names an instruction for people: function, slot and, when known, line.
func (m *Module) Where(fn, pc int) string {
	f := m.Funcs[fn]
	if l, ok := f.LineAt(pc); ok {
		return fmt.Sprintf("%s: insn %d (%s:%d)", f.Name, pc, l.File, l.Num)
	}
	return fmt.Sprintf("%s: insn %d", f.Name, pc)
}
