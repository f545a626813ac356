package maps

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Array: values stand side by side in the arena, each at a multiple of 8 bytes,
// all present from the start (kernel/bpf/arraymap.c).
var arrayKind = Kind{
	Type:  ebpf.Array,
	Guest: true,
	Check: checkArray,
	Memory: func(d *bpf.Map, _ int) Need {
		return Need{Fixed: d.Stride() * uint64(d.MaxEntries)}
	},
	New: newArray,
}

// array is a map of kind Array. Whoever touches mem keeps the array, and so env's
// arena, alive until then: mem may be memory that the arena unmaps.
type array struct {
	def    *bpf.Map
	env    *Env
	mem    []byte
	addr   uint64
	stride uint64
}

// checkArray is array_map_alloc_check.
func checkArray(d *bpf.Map) error {
	switch {
	case d.KeySize != 4:
		return fmt.Errorf("key size is %d, must be 4", d.KeySize)
	case d.ValueSize == 0 || d.ValueSize > math.MaxInt32:
		return fmt.Errorf("value size is %d, must be between 1 and %d", d.ValueSize, math.MaxInt32)
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	}
	const allowed = FNumaNode | FMmapable | FInnerMap | accessMask
	if bad := d.Flags &^ uint32(allowed); bad != 0 {
		return fmt.Errorf("unknown flags %#x", bad)
	}
	return checkAccess(d.Flags)
}

// checkAccess is bpf_map_flags_access_ok.
func checkAccess(flags uint32) error {
	if flags&(FRdonlyProg|FWronlyProg) == FRdonlyProg|FWronlyProg {
		return fmt.Errorf("flags BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other")
	}
	return nil
}

func newArray(env *Env, _ int, d *bpf.Map) (Map, error) {
	stride := d.Stride()
	size := stride * uint64(d.MaxEntries)
	addr, err := env.Arena.Alloc(size)
	if err != nil {
		return nil, err
	}
	mem, ok := env.Arena.Bytes(addr, size)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	return &array{def: d, env: env, mem: mem, addr: addr, stride: stride}, nil
}

func (a *array) ValueAddr() uint64 { return a.addr }

func (a *array) Lookup(_ uint32, key []byte) uint64 {
	i := binary.LittleEndian.Uint32(key)
	if i >= a.def.MaxEntries {
		return 0
	}
	return a.addr + uint64(i)*a.stride
}

func (a *array) value(i uint32) []byte {
	off := uint64(i) * a.stride
	return a.mem[off : off+a.stride]
}

func (a *array) Read(key, value []byte) error {
	i := binary.LittleEndian.Uint32(key)
	if i >= a.def.MaxEntries {
		return ENOENT
	}
	if a.def.Fields != nil {
		return a.readFields(value, i, false)
	}
	load(value, a.value(i))
	runtime.KeepAlive(a)
	return nil
}

// ReadLocked is part of [LockedReader].
func (a *array) ReadLocked(key, value []byte) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case a.def.SpinLock() < 0:
		return EINVAL
	case i >= a.def.MaxEntries:
		return ENOENT
	}
	return a.readFields(value, i, true)
}

func (a *array) readFields(value []byte, i uint32, locked bool) error {
	defer runtime.KeepAlive(a)
	return readFields(a.def, value, a.value(i), locked)
}

// Update is array_map_update_elem.
func (a *array) Update(_ uint32, key, value []byte, flags uint64) error {
	return a.Write(key, value, flags)
}

// Write is array_map_update_elem, checks in its order.
func (a *array) Write(key, value []byte, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case flags&^FLock > Exist:
		return EINVAL
	case i >= a.def.MaxEntries:
		return E2BIG
	case flags&NoExist != 0:
		return EEXIST
	case flags&FLock != 0 && a.def.SpinLock() < 0:
		return EINVAL
	}
	defer runtime.KeepAlive(a)
	if a.def.Fields == nil {
		store(a.value(i), value)
		return nil
	}
	err := writeFields(a.def, a.value(i), value, flags)
	if err == nil && a.env.Release != nil && a.def.Owns() {
		a.env.Release(a.def, a.addr+uint64(i)*a.stride)
	}
	return err
}

// Holds is part of [Holder].
func (a *array) Holds(addr uint64, key []byte) uint64 {
	i := (addr - a.addr) / a.stride
	if addr < a.addr || i >= uint64(a.def.MaxEntries) {
		return 0
	}
	binary.LittleEndian.PutUint32(key, uint32(i))
	return a.addr + i*a.stride
}

func (a *array) Delete([]byte) error { return EINVAL }

func (a *array) NextKey(key, next []byte) error { return nextIndex(a.def.MaxEntries, key, next) }

// nextIndex is array_map_get_next_key.
func nextIndex(entries uint32, key, next []byte) error {
	i := uint32(math.MaxUint32)
	if key != nil {
		i = binary.LittleEndian.Uint32(key)
	}
	switch {
	case i >= entries:
		i = 0
	case i == entries-1:
		return ENOENT
	default:
		i++
	}
	binary.LittleEndian.PutUint32(next, i)
	return nil
}

// wordwise is the size up to which values are moved in atomic words, so that a
// user who reads a counter while guests add to it atomically never sees half of
// one. Larger values are moved as Linux moves all of them: plainly.
const wordwise = 64

// load copies a value out of its place; src is 8-byte aligned and whole words.
func load(dst, src []byte) {
	if len(src) > wordwise {
		copy(dst, src)
		return
	}
	var w [8]byte
	for ; len(src) > 0; src = src[8:] {
		binary.NativeEndian.PutUint64(w[:], atomic.LoadUint64((*uint64)(unsafe.Pointer(&src[0]))))
		dst = dst[copy(dst, w[:]):]
	}
}

// store copies a value into its place; dst is 8-byte aligned and whole words.
func store(dst, src []byte) {
	if len(dst) > wordwise {
		copy(dst, src)
		return
	}
	for ; len(dst) > 0; dst = dst[8:] {
		var w [8]byte
		src = src[copy(w[:], src):]
		atomic.StoreUint64((*uint64)(unsafe.Pointer(&dst[0])), binary.NativeEndian.Uint64(w[:]))
	}
}
