// Package maps holds the kinds of maps. A kind is one file and one line in
// [kinds]; nothing else knows it. Error numbers and the order of checks are
// those of Linux's kernel/bpf/*map.c, because guests and users can see them.
package maps

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// kinds is the registry: one line for each kind.
var kinds = []*Kind{
	&arrayKind,
	&progArrayKind,
}

// Kind is a kind of map.
type Kind struct {
	Type ebpf.MapType
	// Guest reports whether a guest may call the map_*_elem helpers on it.
	Guest bool
	// Check says what is wrong with a definition.
	Check func(*bpf.Map) error
	// Memory is how much of the arena a map takes.
	Memory func(*bpf.Map) uint64
	// New makes an empty map.
	New func(*Env, int, *bpf.Map) (Map, error)
}

// Env is where maps live.
type Env struct {
	Arena  *arena.Arena
	Tables *engine.Tables
}

// Map is one map's contents. All methods are safe for concurrent use. Keys and
// values have the lengths of the definition; callers check that.
type Map interface {
	// Lookup returns the guest address of the value at key, or 0.
	Lookup(key []byte) uint64
	// Read copies the value at key, as user space sees it.
	Read(key, value []byte) error
	// Update writes the value at key; flags are BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK.
	Update(key, value []byte, flags uint64) error
	// Delete removes key.
	Delete(key []byte) error
	// NextKey writes the key that follows key to next. A nil key, or one that
	// the map does not have, gives the first; the last gives ENOENT.
	NextKey(key, next []byte) error
}

// Flags of an update (enum in linux/bpf.h).
const (
	Any     = 0
	NoExist = 1
	Exist   = 2
	FLock   = 4
)

// Flags of a definition (linux/bpf.h). RDONLY and WRONLY bind the user's side,
// the others the guest's.
const (
	FNumaNode   = 1 << 2
	FRdonly     = 1 << 3
	FWronly     = 1 << 4
	FRdonlyProg = 1 << 7
	FWronlyProg = 1 << 8
	FMmapable   = 1 << 10
	FInnerMap   = 1 << 12

	accessMask = FRdonly | FWronly | FRdonlyProg | FWronlyProg
)

// Instance is a map in use.
type Instance struct {
	Def   *bpf.Map
	Index int // in the module
	Kind  *Kind
	Map
}

// ValueAddr returns the guest address of the first value, which global data
// and direct references to values are relative to; 0 for kinds that have none.
func (m *Instance) ValueAddr() uint64 {
	if v, ok := m.Map.(interface{ ValueAddr() uint64 }); ok {
		return v.ValueAddr()
	}
	return 0
}

// KindOf returns the kind of map type t, nil when there is none.
func KindOf(t uint32) *Kind {
	for _, k := range kinds {
		if uint32(k.Type) == t {
			return k
		}
	}
	return nil
}

// Check says everything that is wrong with a module's maps: first all whose
// kind is not supported, then what is wrong with each definition.
func Check(defs []*bpf.Map) error {
	var missing, wrong []string
	for _, d := range defs {
		k := KindOf(d.Type)
		if k == nil {
			missing = append(missing, fmt.Sprintf("%q (%v)", d.Name, ebpf.MapType(d.Type)))
			continue
		}
		if err := k.Check(d); err != nil {
			wrong = append(wrong, fmt.Sprintf("map %q (%v): %v", d.Name, k.Type, err))
		}
	}
	if missing != nil {
		wrong = append(wrong, fmt.Sprintf("unsupported kinds of maps: %s; supported are %s",
			strings.Join(missing, ", "), supported()))
	}
	if wrong != nil {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}

func supported() string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Type.String())
	}
	return strings.Join(names, ", ")
}

// Memory returns how much arena all maps take together, with the allocator's rounding.
func Memory(defs []*bpf.Map) uint64 {
	var n uint64
	for _, d := range defs {
		if m := KindOf(d.Type).Memory(d); m > 0 {
			n += (m + 127) &^ 63 // each may begin at the next multiple of 64
		}
	}
	return n
}

// New makes every map of a module. Definitions have passed [Check].
func New(env *Env, defs []*bpf.Map) ([]*Instance, error) {
	set := make([]*Instance, len(defs))
	for i, d := range defs {
		k := KindOf(d.Type)
		m, err := k.New(env, i, d)
		if err != nil {
			return nil, fmt.Errorf("map %q: %w", d.Name, err)
		}
		set[i] = &Instance{Def: d, Index: i, Kind: k, Map: m}
	}
	return set, nil
}
