// Package maps holds the kinds of maps. A kind is one file and one line in
// [kinds]; nothing else knows it. Error numbers and the order of checks are
// those of Linux's kernel/bpf/*map.c, because guests and users can see them.
package maps

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// kinds is the registry: one line for each kind.
var kinds = []*Kind{
	&arrayKind,
	&progArrayKind,
	&devMapKind, &devMapHashKind, &cpuMapKind, &xskMapKind, &sockMapKind, &sockHashKind, &reuseportKind,
	&perCPUArrayKind,
	&hashKind,
	&perCPUHashKind,
	&lruHashKind,
	&lruPerCPUHashKind,
	&lpmKind,
	&queueKind,
	&stackKind,
	&bloomKind,
	&stackTraceKind,
	&cgroupArrayKind,
	&arenaKind,
	&arrayOfMapsKind,
	&hashOfMapsKind,
	&taskStorageKind,
	&inodeStorageKind,
	&cgrpStorageKind,
	&socketStorageKind,
	&cgroupStorageKind,
	&perCPUCgroupStorageKind,
	&ringBufKind,
	&perfArrayKind,
	&userRingKind,
	&structOpsKind,
}

// Kind is a kind of map.
type Kind struct {
	Type ebpf.MapType
	// Guest reports whether a guest may call the map_*_elem helpers on it.
	Guest bool
	// Complete fills in what a definition leaves out, where there are so many processors; nil: nothing.
	Complete func(d *bpf.Map, cpus int)
	// Check says what is wrong with a definition.
	Check func(*bpf.Map) error
	// Frees says that values come and go while guests may hold them, so that runs
	// are to be readers of Env.RCU.
	Frees bool
	// PerCPU says that there is a value for each processor.
	PerCPU bool
	// Memory is how much of the arena a map takes when there are so many processors.
	Memory func(d *bpf.Map, cpus int) Need
	// New makes an empty map.
	New func(*Env, int, *bpf.Map) (Map, error)
}

// Need is arena memory in bytes.
type Need struct {
	Fixed uint64 // taken when the map is made
	More  uint64 // may be asked for later; a map works with less, and says ENOMEM when it is spent
}

// Env is where maps live.
type Env struct {
	Arena  *arena.Arena
	Tables *engine.Tables
	Net    host.Network // the devices that there are; nil: any
	CPUs   int          // processors that per-CPU maps have values for
	RCU    *rcu.Domain  // in which every run, and every user's access, is a reader
	// Release ends what the special fields of a value hold: timers are cancelled, objects
	// dropped. A map whose definition [bpf.Map.Owns] something calls it for every value that is
	// deleted or overwritten. It may be nil.
	Release func(d *bpf.Map, value uint64)
}

// Map is one map's contents. All methods are safe for concurrent use. Keys and
// values have the lengths of the definition; callers check that.
//
// Guests and users see a map differently: to a guest a value is memory, and that of
// a per-CPU map is its processor's; to a user it is a copy of [Instance.UserSize] bytes.
// What a kind does not have is EINVAL or EOPNOTSUPP, whichever Linux gives.
type Map interface {
	// Lookup returns the guest address of the value at key, or 0, for a guest on processor cpu.
	Lookup(cpu uint32, key []byte) uint64
	// Update writes the value at key for a guest on processor cpu; flags are
	// BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK and what a kind adds.
	Update(cpu uint32, key, value []byte, flags uint64) error
	// Read copies the value at key, as user space sees it.
	Read(key, value []byte) error
	// Write is Update for user space.
	Write(key, value []byte, flags uint64) error
	// Delete removes key, for guests and users.
	Delete(key []byte) error
	// NextKey writes the key that follows key to next. A nil key, or one that
	// the map does not have, gives the first; the last gives ENOENT.
	NextKey(key, next []byte) error
}

// Taker is a map from which users can take: read and delete at once.
type Taker interface {
	// Take copies the value at key and deletes it. A queue has no key.
	Take(key, value []byte, flags uint64) error
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
	FNoPrealloc  = 1 << 0
	FNoCommonLRU = 1 << 1
	FNumaNode    = 1 << 2
	FRdonly      = 1 << 3
	FWronly      = 1 << 4
	FZeroSeed    = 1 << 6
	FRdonlyProg  = 1 << 7
	FWronlyProg  = 1 << 8
	FMmapable    = 1 << 10
	FInnerMap    = 1 << 12

	accessMask = FRdonly | FWronly | FRdonlyProg | FWronlyProg
)

// Instance is a map in use.
type Instance struct {
	Def   *bpf.Map
	Index int // in the module
	Kind  *Kind
	Map
	userSize int
}

// UserSize returns the size of a value as user space sees it: of a per-CPU map,
// that of each processor, rounded up to 8 bytes, one after the other.
func (m *Instance) UserSize() int { return m.userSize }

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

// Complete fills in what definitions leave to whoever loads them.
func Complete(defs []*bpf.Map, cpus int) {
	for _, d := range defs {
		if k := KindOf(d.Type); k != nil && k.Complete != nil {
			k.Complete(d, cpus)
		}
	}
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

// Frees reports whether a map among them frees values.
func Frees(ms []*Instance) bool {
	return slices.ContainsFunc(ms, func(m *Instance) bool { return m.Kind.Frees })
}

// Memory returns how much arena all maps take together, with the allocator's rounding.
func Memory(defs []*bpf.Map, cpus int) Need {
	var all Need
	for _, d := range defs {
		n := KindOf(d.Type).Memory(d, cpus)
		if n.Fixed > 0 {
			n.Fixed = (n.Fixed + 127) &^ 63 // each may begin at the next multiple of 64
		}
		all.Fixed = sum(all.Fixed, n.Fixed)
		all.More = sum(all.More, n.More)
	}
	return all
}

// sum saturates: what does not fit 64 bits fits no arena.
func sum(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

// New makes every map of a module. Definitions have passed [Check].
func New(env *Env, defs []*bpf.Map) ([]*Instance, error) {
	set := make([]*Instance, len(defs))
	for i, d := range defs {
		m, err := NewAt(env, i, d)
		if err != nil {
			return nil, err
		}
		set[i] = m
	}
	return set, nil
}

// NewAt makes one map, which is to have an index of its own in the module.
func NewAt(env *Env, index int, d *bpf.Map) (*Instance, error) {
	k := KindOf(d.Type)
	m, err := k.New(env, index, d)
	if err != nil {
		return nil, fmt.Errorf("map %q: %w", d.Name, err)
	}
	return newInstance(env, index, k, d, m), nil
}

func newInstance(env *Env, index int, k *Kind, d *bpf.Map, m Map) *Instance {
	inst := &Instance{Def: d, Index: index, Kind: k, Map: m, userSize: int(d.ValueSize)}
	if k.PerCPU {
		inst.userSize = int(d.Stride()) * env.CPUs
	}
	return inst
}
