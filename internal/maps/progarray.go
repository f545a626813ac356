package maps

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Program array: what tail calls jump through. Slots lie in engine.Tables,
// outside the arena, so that no guest can write one.
var progArrayKind = Kind{
	Type:   ebpf.ProgramArray,
	Check:  checkProgArray,
	Memory: func(*bpf.Map, int) Need { return Need{} },
	New:    newProgArray,
}

// maxSlots bounds program arrays, whose slots take host memory.
const maxSlots = 1 << 24

func checkProgArray(d *bpf.Map) error {
	switch {
	case d.KeySize != 4:
		return fmt.Errorf("key size is %d, must be 4", d.KeySize)
	case d.ValueSize != 4:
		return fmt.Errorf("value size is %d, must be 4", d.ValueSize)
	case d.MaxEntries == 0 || d.MaxEntries > maxSlots:
		return fmt.Errorf("max_entries is %d, must be between 1 and %d", d.MaxEntries, maxSlots)
	case d.Flags&(FRdonlyProg|FWronlyProg) != 0:
		// fd_array_map_alloc_check: programs cannot access these anyway.
		return fmt.Errorf("flags BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG are not for program arrays")
	}
	return nil
}

// ProgArray is a map of kind ProgramArray.
type ProgArray struct {
	def   *bpf.Map
	slots []uint64 // targets of the engine; atomic

	mu    sync.Mutex
	progs []int32 // program in each slot, plus 1
	typ   string  // program type of the array's owner; "" while it has none
	owner string  // program that gave the array its type
}

func newProgArray(env *Env, index int, d *bpf.Map) (Map, error) {
	slots, _ := env.Tables.Of(index)
	return &ProgArray{def: d, slots: slots, progs: make([]int32, len(slots))}, nil
}

// Entry is a program to put into a slot.
type Entry struct {
	Prog   int // index into Module.Programs
	Name   string
	Type   string
	Target uint64 // the engine's TailTarget
}

// TypeError refuses a program whose type is not that of the programs that use the array.
type TypeError struct {
	Map, Program, Type, Owner, OwnerType string
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("program %q is of type %s, but program array %q holds programs of type %s (set by program %q): "+
		"a tail call cannot change the program type", e.Program, e.Type, e.Map, e.OwnerType, e.Owner)
}

// Use records that a program of the given type uses the array. As in Linux
// (bpf_prog_map_compatible) the first one decides which type the array is for.
func (p *ProgArray) Use(name, typ string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claim(name, typ)
}

func (p *ProgArray) claim(name, typ string) error {
	if p.owner == "" {
		p.owner, p.typ = name, typ
		return nil
	}
	if p.typ != typ {
		return &TypeError{Map: p.def.Name, Program: name, Type: typ, Owner: p.owner, OwnerType: p.typ}
	}
	return nil
}

// Put writes a slot. A running tail call reaches the old or the new program, whole.
func (p *ProgArray) Put(index uint32, e Entry, flags uint64) error {
	switch { // bpf_fd_array_map_update_elem
	case flags != Any:
		return EINVAL
	case index >= p.def.MaxEntries:
		return E2BIG
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.claim(e.Name, e.Type); err != nil {
		return err
	}
	p.progs[index] = int32(e.Prog) + 1
	atomic.StoreUint64(&p.slots[index], e.Target)
	return nil
}

// Program returns the program in a slot.
func (p *ProgArray) Program(index uint32) (prog int, ok bool) {
	if index >= p.def.MaxEntries {
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.progs[index]
	return int(n) - 1, n != 0
}

// Lookup gives nothing: a guest cannot look into a program array.
func (p *ProgArray) Lookup(uint32, []byte) uint64 { return 0 }

// Read gives the number of the program in the slot, counted from 1.
func (p *ProgArray) Read(key, value []byte) error {
	prog, ok := p.Program(binary.LittleEndian.Uint32(key))
	if !ok {
		return ENOENT
	}
	binary.LittleEndian.PutUint32(value, uint32(prog)+1)
	return nil
}

// Update refuses: a guest cannot write slots.
func (p *ProgArray) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Write refuses: only [ProgArray.Put] writes slots.
func (p *ProgArray) Write([]byte, []byte, uint64) error { return EOPNOTSUPP }

// Delete empties a slot (__fd_array_map_delete_elem).
func (p *ProgArray) Delete(key []byte) error {
	i := binary.LittleEndian.Uint32(key)
	if i >= p.def.MaxEntries {
		return E2BIG
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.progs[i] == 0 {
		return ENOENT
	}
	p.progs[i] = 0
	atomic.StoreUint64(&p.slots[i], 0)
	return nil
}

// NextKey goes through all indexes, empty slots too, as Linux does.
func (p *ProgArray) NextKey(key, next []byte) error { return nextIndex(p.def.MaxEntries, key, next) }
