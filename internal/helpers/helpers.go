// Package helpers holds what a guest may call. A helper is one row: its number,
// its arguments and a Go function. Arguments are described, so that every
// pointer and length is checked here, once, before the function runs; the
// function itself gets bytes. A subject is one file and one line in [subjects].
//
// Numbers and meanings are those of include/uapi/linux/bpf.h.
package helpers

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// subjects is the registry: one line for each file of helpers.
var subjects = [][]*Helper{
	mapHelpers,
	mapWalkHelpers,
	mapQueueHelpers,
	arenaHelpers,
	stackHelpers,
	networkHelpers,
	xdpHelpers,
	skbHelpers,
	checksumHelpers,
	roomHelpers,
	lwtHelpers,
	timeHelpers,
	printHelpers,
	showHelpers,
	kernelNameHelpers,
	fileHelpers,
	remoteHelpers,
	kernelContextHelpers,
	stringHelpers,
	sysctlHelpers,
	lockHelpers,
	loopHelpers,
	sectionHelpers,
	timerHelpers,
	iterHelpers,
	objectHelpers,
	graphHelpers,
	cpumaskHelpers,
	cpuHelpers,
	taskHelpers,
	memoryHelpers,
	storageHelpers,
	cgroupHelpers,
	tracingHelpers,
	ringbufHelpers,
	perfHelpers,
	dynptrHelpers,
	dynptrProbeHelpers,
}

// Kind says what an argument is and so how it is checked.
type Kind uint8

const (
	None       Kind = iota // not an argument
	Scalar                 // any value
	Ctx                    // the program's context
	Map                    // a map that map_*_elem may be called on
	MapKey                 // pointer to a key of the map among the earlier arguments, read
	MapValue               // pointer to a value of that map, read
	MapValueW              // pointer to room for a value of that map, written
	Mem                    // pointer to bytes, read; as many as the next argument says, or as Arg.Size says
	MemW                   // the same, written
	Size                   // the length of the pointer before it, at least 1
	SizeOrZero             // the length of the pointer before it
	Func                   // a function of the module
	MapOf                  // a map of the kind that Arg.Type says
	AnyMap                 // a map of whatever kind; the helper looks which
)

// Arg describes one argument.
type Arg struct {
	Name     string
	Kind     Kind
	Size     uint32       // of Mem and MemW that no Size follows: how many bytes
	Nullable bool         // a pointer may be NULL
	Type     ebpf.MapType // of MapOf
}

// Helper is one row.
type Helper struct {
	ID   int32  // enum bpf_func_id; 0 for a kfunc
	Name string // without the bpf_ of helpers; a kfunc's whole name
	Args []Arg
	Fn   func(*Call) (uint64, error)
	// Objects says that it gives pointers to structs of the kernel, which take guest memory.
	Objects bool
	scalars bool // there is nothing to check about Args
}

func init() {
	for _, s := range subjects {
		for _, h := range s {
			h.look()
		}
	}
}

// look finds out about Args.
func (h *Helper) look() {
	h.scalars = !slices.ContainsFunc(h.Args, func(a Arg) bool { return a.Kind != Scalar })
}

// Table is what one module calls: its helpers and kfuncs, found without searching.
type Table struct {
	low    [dense]*Helper // by number
	high   map[int32]*Helper
	kfuncs []*Helper // by index into Module.Kfuncs
}

// dense is how many helper numbers are looked up by index; Linux has about 210.
const dense = 512

// NewTable joins the built-in helpers and extra ones (which win over built-in
// ones of the same number) and makes sure that a module finds all it calls.
func NewTable(m *bpf.Module, extra []*Helper) (*Table, error) {
	t := &Table{high: map[int32]*Helper{}, kfuncs: make([]*Helper, len(m.Kfuncs))}
	for _, s := range subjects {
		for _, h := range s {
			if h.ID != 0 {
				t.add(h)
			}
		}
	}
	for _, h := range loweredInsns {
		t.add(h)
	}
	for i := range m.Traps {
		t.add(trap(int32(i), m.Traps[i]))
	}
	named := map[string]*Helper{}
	for _, h := range extra {
		if err := h.check(); err != nil {
			return nil, err
		}
		h.look()
		if h.ID == 0 {
			if named[h.Name] != nil {
				return nil, fmt.Errorf("kfunc %q is given twice", h.Name)
			}
			named[h.Name] = h
			continue
		}
		t.add(h)
	}
	for i, name := range m.Kfuncs {
		if t.kfuncs[i] = named[name]; t.kfuncs[i] == nil {
			t.kfuncs[i] = builtinKfuncs()[name]
		}
	}
	return t, t.missing(m)
}

// builtinKfuncs are the rows of all subjects that have no number, by name.
var builtinKfuncs = sync.OnceValue(func() map[string]*Helper {
	all := map[string]*Helper{}
	for _, s := range subjects {
		for _, h := range s {
			if h.ID == 0 {
				all[h.Name] = h
			}
		}
	}
	return all
})

// HasKfunc reports whether there is a built-in kfunc of that name.
func HasKfunc(name string) bool { return builtinKfuncs()[name] != nil }

func (t *Table) add(h *Helper) {
	if h.ID < dense {
		t.low[h.ID] = h
	} else {
		t.high[h.ID] = h
	}
}

// Find returns the helper or kfunc that a call names, nil when there is none.
func (t *Table) Find(kind uint8, id int32) *Helper {
	if kind == bpf.CallHelper && uint32(id) < dense {
		return t.low[id]
	}
	return t.find(kind, id)
}

func (t *Table) find(kind uint8, id int32) *Helper {
	switch {
	case kind == bpf.CallKfunc && id >= 0 && int(id) < len(t.kfuncs):
		return t.kfuncs[id]
	case kind == bpf.CallHelper && id >= dense:
		return t.high[id]
	}
	return nil
}

// check says what is wrong with a row that a user wrote.
func (h *Helper) check() error {
	who := h.Name
	switch {
	case h.ID < 0:
		return fmt.Errorf("helper %q: number %d is negative", who, h.ID)
	case h.ID == bpf.HelperTailCall:
		return fmt.Errorf("helper %q: number %d is tail_call, which engines compile themselves", who, h.ID)
	case h.ID == 0 && who == "":
		return fmt.Errorf("helper without a number and without a name")
	case h.Fn == nil:
		return fmt.Errorf("helper %q: no function", who)
	case len(h.Args) > 5:
		return fmt.Errorf("helper %q: %d arguments, at most 5 are passed", who, len(h.Args))
	}
	for i := range h.Args {
		if err := h.checkArg(i); err != nil {
			return fmt.Errorf("helper %q, argument %d: %w", who, i+1, err)
		}
	}
	return nil
}

func (h *Helper) checkArg(i int) error {
	a := h.Args[i]
	switch a.Kind {
	case MapKey, MapValue, MapValueW:
		for _, b := range h.Args[:i] {
			if b.Kind == Map || b.Kind == MapOf || b.Kind == AnyMap {
				return nil
			}
		}
		return fmt.Errorf("a key or value needs a map among the arguments before it")
	case Mem, MemW:
		if a.Size == 0 && (i+1 == len(h.Args) || !h.Args[i+1].Kind.isSize()) {
			return fmt.Errorf("a pointer to bytes needs its size: in Size or as the next argument")
		}
	case Size, SizeOrZero:
		if i == 0 || !h.Args[i-1].Kind.isMem() {
			return fmt.Errorf("a size follows the pointer that it belongs to")
		}
	case None:
		return fmt.Errorf("has no kind")
	}
	if a.Kind > AnyMap {
		return fmt.Errorf("unknown kind %d", a.Kind)
	}
	return nil
}

func (k Kind) isSize() bool { return k == Size || k == SizeOrZero }
func (k Kind) isMem() bool  { return k == Mem || k == MemW }

// users names the programs from which function fn can be reached; fn itself when there is none.
func (r reach) users(m *bpf.Module, fn int) []string {
	var names []string
	for i, p := range m.Programs {
		if r[i][fn] {
			names = append(names, p.Name)
		}
	}
	if names == nil {
		return []string{m.Funcs[fn].Name}
	}
	return names
}

// reach says, for each program, which functions it can reach.
type reach [][]bool

// Reach says for each program of m which functions subprogram calls can reach
// from it, its own included.
func Reach(m *bpf.Module) [][]bool {
	r := make([][]bool, len(m.Programs))
	for i, p := range m.Programs {
		seen := make([]bool, len(m.Funcs))
		for work := []int{p.Func}; len(work) > 0; {
			f := work[len(work)-1]
			work = work[:len(work)-1]
			if !seen[f] {
				seen[f] = true
				work = append(work, m.Funcs[f].Callees...)
			}
		}
		r[i] = seen
	}
	return r
}

func sorted(set map[string]bool) []string {
	var l []string
	for s := range set {
		l = append(l, s)
	}
	sort.Strings(l)
	return l
}

// NameOf names what a call calls, for people.
func NameOf(m *bpf.Module, kind uint8, id int32) string {
	if kind == bpf.CallKfunc {
		if id >= 0 && int(id) < len(m.Kfuncs) {
			return "kfunc " + m.Kfuncs[id]
		}
		return fmt.Sprintf("kfunc %d", id)
	}
	if i := int(id) - bpf.HelperTrap; i >= 0 && i < len(m.Traps) {
		return "fault: " + m.Traps[i].Why
	}
	if name := Name(id); name != "" {
		return fmt.Sprintf("helper %d (%s)", id, name)
	}
	return fmt.Sprintf("helper %d", id)
}

// Name returns the name of a helper number as Linux spells it, without bpf_, "" when it has none.
func Name(id int32) string {
	for _, h := range loweredInsns {
		if h.ID == id {
			return h.Name
		}
	}
	camel, ok := strings.CutPrefix(asm.BuiltinFunc(id).String(), "Fn")
	if !ok || id <= 0 {
		return ""
	}
	var b strings.Builder
	for i, c := range camel {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// CallsBack reports whether m calls a helper that takes a function.
func (t *Table) CallsBack(m *bpf.Module) bool {
	for _, f := range m.Funcs {
		for _, in := range f.Insns {
			if in.Op != bpf.OpCall || in.Src == bpf.CallSubprog {
				continue
			}
			if h := t.Find(in.Src, in.Imm); h != nil && slices.ContainsFunc(h.Args, func(a Arg) bool { return a.Kind == Func }) {
				return true
			}
		}
	}
	return false
}

// NumArgs returns how many of R1–R5 a helper (bpf.CallHelper) or kfunc reads.
func (t *Table) NumArgs(kind uint8, id int32) int {
	if h := t.Find(kind, id); h != nil {
		return len(h.Args)
	}
	return 5
}

// Quiet reports whether a helper is a built-in one that writes to no memory but that of maps.
func (t *Table) Quiet(id int32) bool {
	switch id {
	case 1, 2, 3, 5, 6, 7, 8, 14, 15: // map_*_elem, ktime_get_ns, trace_printk, get_prandom_u32, get_smp_processor_id, get_current_*
		return t.low[id] != nil && t.low[id] == builtin(id)
	}
	return false
}

// builtin returns the row of a helper as it is where no user has given another.
func builtin(id int32) *Helper {
	for _, s := range subjects {
		for _, h := range s {
			if h.ID == id {
				return h
			}
		}
	}
	return nil
}

// LooksUpArrays reports whether map_lookup_elem is the built-in one, so that
// compiled code may do in place what it does.
func (t *Table) LooksUpArrays() bool { return t.low[mapHelpers[0].ID] == mapHelpers[0] }
