package maps

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Array of maps and hash of maps (kernel/bpf/map_in_map.c). A guest that looks up finds the handle of
// an inner map. Inner maps are never freed before the collection, so a guest may use what it
// found for as long as it runs, whatever users put in its place.
var (
	arrayOfMapsKind = Kind{
		Type: ebpf.ArrayOfMaps, Guest: true, Frees: true,
		New: func(_ *Env, _ int, d *bpf.Map) (Map, error) {
			return &arrayOfMaps{def: d, slots: make([]atomic.Uint32, d.MaxEntries)}, nil
		},
	}
	hashOfMapsKind = Kind{Type: ebpf.HashOfMaps, Guest: true, Frees: true, New: newHashOfMaps}
)

// What asks about the kind of the inner map cannot be in the registry from the start.
func init() {
	arrayOfMapsKind.Complete, hashOfMapsKind.Complete = completeInner, completeInner
	arrayOfMapsKind.Check, hashOfMapsKind.Check = checkArrayOfMaps, checkHashOfMaps
	arrayOfMapsKind.Memory = func(d *bpf.Map, cpus int) Need { return Need{More: innerMemory(d, cpus)} }
	hashOfMapsKind.Memory = func(d *bpf.Map, cpus int) Need {
		return Need{More: sum(hashKind.Memory(d, cpus).More, innerMemory(d, cpus))}
	}
}

// Outer is a map whose values are maps. To users a value is the number of the map, counted from 1.
type Outer interface {
	Map
	// Put puts a map in: EINVAL if it is not like the map that the definition gives as an example.
	Put(key []byte, inner *Instance, flags uint64) error
}

// innerMost bounds the memory set aside for maps that are made for an outer map later.
const innerMost = 64 << 20

// innerMemory is room for as many maps like the example as the outer map holds, within bounds.
func innerMemory(d *bpf.Map, cpus int) uint64 {
	k := KindOf(d.Inner.Type)
	n := k.Memory(d.Inner, cpus)
	one := sum(n.Fixed, n.More)
	if one == 0 || one > math.MaxUint64-128 {
		return one
	}
	one += 128
	return max(one, one*min(uint64(d.MaxEntries), innerMost/one))
}

func completeInner(d *bpf.Map, cpus int) {
	if d.Inner == nil {
		return
	}
	if d.Inner.MaxEntries == 0 {
		d.Inner.MaxEntries = 1 // it is an example only
	}
	Complete([]*bpf.Map{d.Inner}, cpus)
}

// noInner are kinds that cannot be in a map: in Linux they have no map_meta_equal.
var noInner = []ebpf.MapType{ebpf.ProgramArray, ebpf.ArrayOfMaps, ebpf.HashOfMaps, ebpf.StructOpsMap, ebpf.CGroupStorage,
	ebpf.PerCPUCGroupStorage, ebpf.Arena}

// checkInner is bpf_map_meta_alloc.
func checkInner(d *bpf.Map) error {
	in := d.Inner
	if in == nil {
		return fmt.Errorf("the definition has no example of an inner map (MapSpec.InnerMap, or values[] in C)")
	}
	if err := fits(in); err != nil {
		return err
	}
	if err := Check([]*bpf.Map{in}); err != nil {
		return fmt.Errorf("inner %w", err)
	}
	return nil
}

// fits says whether a map may be in another.
func fits(d *bpf.Map) error {
	if slices.Contains(noInner, ebpf.MapType(d.Type)) {
		return fmt.Errorf("inner map is of kind %v, which cannot be in a map", ebpf.MapType(d.Type))
	}
	return nil
}

// checkArrayOfMaps is fd_array_map_alloc_check.
func checkArrayOfMaps(d *bpf.Map) error {
	const allowed = FNumaNode | FRdonly | FWronly
	switch {
	case d.KeySize != 4 || d.ValueSize != 4:
		return fmt.Errorf("key size is %d and value size %d, both must be 4", d.KeySize, d.ValueSize)
	case d.MaxEntries == 0 || d.MaxEntries > maxSlots:
		return fmt.Errorf("max_entries is %d, must be between 1 and %d", d.MaxEntries, maxSlots)
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("flags %#x are not for arrays of maps", d.Flags&^uint32(allowed))
	}
	return checkInner(d)
}

// checkHashOfMaps is fd_htab_map_alloc_check.
func checkHashOfMaps(d *bpf.Map) error {
	if d.ValueSize != 4 {
		return fmt.Errorf("value size is %d, must be 4", d.ValueSize)
	}
	if err := checkHash(d); err != nil {
		return err
	}
	return checkInner(d)
}

// alike is map_meta_equal of the inner map's kind: of arrays, whose lookups a compiler may do in place,
// BPF_F_INNER_MAP lets the number of elements differ.
func alike(want, got *bpf.Map) bool {
	if want.Type != got.Type || want.KeySize != got.KeySize || want.ValueSize != got.ValueSize || want.Flags != got.Flags {
		return false
	}
	same := func(a, b bpf.Field) bool { return a.Kind == b.Kind && a.Offset == b.Offset && a.Size == b.Size }
	if !slices.EqualFunc(want.Fields, got.Fields, same) {
		return false
	}
	return want.Type != uint32(ebpf.Array) || want.Flags&FInnerMap != 0 || want.MaxEntries == got.MaxEntries
}

// admit is bpf_map_fd_get_ptr.
func admit(outer *bpf.Map, inner *Instance) (number uint32, err error) {
	if fits(inner.Def) != nil || !alike(outer.Inner, inner.Def) {
		return 0, EINVAL
	}
	return uint32(inner.Index) + 1, nil
}

// handle returns what a guest finds.
func handle(number uint32) uint64 {
	if number == 0 {
		return 0
	}
	return bpf.MapHandle(int(number) - 1)
}

// arrayOfMaps is a map of kind ArrayOfMaps.
type arrayOfMaps struct {
	def   *bpf.Map
	slots []atomic.Uint32 // numbers of maps
}

func (a *arrayOfMaps) Lookup(_ uint32, key []byte) uint64 {
	if i := binary.LittleEndian.Uint32(key); i < uint32(len(a.slots)) {
		return handle(a.slots[i].Load())
	}
	return 0
}

// Put is bpf_fd_array_map_update_elem.
func (a *arrayOfMaps) Put(key []byte, inner *Instance, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case flags != Any:
		return EINVAL
	case i >= uint32(len(a.slots)):
		return E2BIG
	}
	n, err := admit(a.def, inner)
	if err == nil {
		a.slots[i].Store(n)
	}
	return err
}

// Read is bpf_fd_array_map_lookup_elem.
func (a *arrayOfMaps) Read(key, value []byte) error {
	i := binary.LittleEndian.Uint32(key)
	if i >= uint32(len(a.slots)) {
		return ENOENT
	}
	n := a.slots[i].Load()
	if n == 0 {
		return ENOENT
	}
	binary.LittleEndian.PutUint32(value, n)
	return nil
}

// Delete is fd_array_map_delete_elem.
func (a *arrayOfMaps) Delete(key []byte) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case i >= uint32(len(a.slots)):
		return E2BIG
	case a.slots[i].Swap(0) == 0:
		return ENOENT
	}
	return nil
}

func (a *arrayOfMaps) NextKey(key, next []byte) error {
	return nextIndex(uint32(len(a.slots)), key, next)
}

// Update refuses: a guest cannot put maps into maps.
func (a *arrayOfMaps) Update(uint32, []byte, []byte, uint64) error { return EINVAL }

// Write refuses what is no map: to Linux, a file descriptor of something else.
func (a *arrayOfMaps) Write([]byte, []byte, uint64) error { return EBADF }

// hashOfMaps is a map of kind HashOfMaps: a hash of numbers, into which no guest looks.
type hashOfMaps struct {
	hash *hash
}

func newHashOfMaps(env *Env, index int, d *bpf.Map) (Map, error) {
	m, err := newHash(env, index, d)
	if err != nil {
		return nil, err
	}
	return &hashOfMaps{m.(*hash)}, nil
}

func (h *hashOfMaps) Lookup(_ uint32, key []byte) uint64 {
	p, ok := h.hash.find(key)
	if !ok {
		return 0
	}
	var b [8]byte
	load(b[:], p.bytes(h.hash.value, h.hash.stride))
	return handle(binary.LittleEndian.Uint32(b[:]))
}

// Put is bpf_fd_htab_map_update_elem.
func (h *hashOfMaps) Put(key []byte, inner *Instance, flags uint64) error {
	if flags > Exist {
		return EINVAL
	}
	n, err := admit(h.hash.def, inner)
	if err != nil {
		return err
	}
	return h.hash.Write(key, binary.LittleEndian.AppendUint32(nil, n), flags)
}

// Update refuses: a guest cannot put maps into maps.
func (h *hashOfMaps) Update(uint32, []byte, []byte, uint64) error { return EINVAL }

// Write refuses what is no map.
func (h *hashOfMaps) Write([]byte, []byte, uint64) error { return EBADF }

func (h *hashOfMaps) Read(key, value []byte) error   { return h.hash.Read(key, value) }
func (h *hashOfMaps) Delete(key []byte) error        { return h.hash.Delete(key) }
func (h *hashOfMaps) NextKey(key, next []byte) error { return h.hash.NextKey(key, next) }

// ReadBatch is part of [Batcher].
func (h *hashOfMaps) ReadBatch(from uint32, keys, values []byte, take, locked bool) (n int, next uint32, err error) {
	return h.hash.ReadBatch(from, keys, values, take, locked)
}
