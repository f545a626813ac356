package maps

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
)

// Targets is a map that XDP programs redirect through.
type Targets interface {
	// Target returns what stands at index: the number of a device, the length of a processor's queue, the queue
	// of an AF_XDP socket. ok is false where nothing does.
	Target(index uint32) (value uint32, ok bool)
}

// Broadcaster is a map of targets that a packet can be sent to all at once.
type Broadcaster interface {
	Targets
	// All calls f with every target, in no order that anyone may rely on.
	All(f func(value uint32))
}

// Device map: what bpf_redirect_map sends to (kernel/bpf/devmap.c).
var devMapKind = Kind{
	Type:   ebpf.DevMap,
	Guest:  true,
	Check:  checkDevMap,
	Memory: slotMemory,
	New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
		s, err := newSlots(env, d)
		return &devMap{slots: s, net: env.Net}, err
	},
}

// slotMemory is what a map of 8-byte slots takes.
func slotMemory(d *bpf.Map, _ int) Need { return Need{Fixed: 8 * uint64(d.MaxEntries)} }

// checkDevMap is dev_map_alloc_check.
func checkDevMap(d *bpf.Map) error {
	if err := checkIndexed(d, FNumaNode|FRdonly|FWronly); err != nil {
		return err
	}
	return checkWords(d)
}

// checkIndexed is what maps of targets have in common: a 4-byte key and few flags.
func checkIndexed(d *bpf.Map, flags uint32) error {
	switch {
	case d.KeySize != 4:
		return fmt.Errorf("key size is %d, must be 4", d.KeySize)
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	case d.Flags&^flags != 0:
		return fmt.Errorf("flags %#x are not for this kind", d.Flags&^flags)
	}
	return nil
}

// checkWords refuses values other than a number, alone or with a program's descriptor.
func checkWords(d *bpf.Map) error {
	if d.ValueSize != 4 && d.ValueSize != 8 {
		return fmt.Errorf("value size is %d, must be 4 or 8", d.ValueSize)
	}
	return nil
}

// slots is an array of 8-byte slots in the arena; a slot of zeros is empty. Whoever touches mem
// keeps the slots alive until then, as array does.
type slots struct {
	arena *arena.Arena
	mem   []byte
	addr  uint64
	n     uint32
}

func newSlots(env *Env, d *bpf.Map) (*slots, error) {
	size := 8 * uint64(d.MaxEntries)
	addr, err := env.Arena.Alloc(size)
	if err != nil {
		return nil, err
	}
	mem, ok := env.Arena.Bytes(addr, size)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	return &slots{arena: env.Arena, mem: mem, addr: addr, n: d.MaxEntries}, nil
}

func (s *slots) at(i uint32) *uint64 { return (*uint64)(unsafe.Pointer(&s.mem[8*uint64(i)])) }

func (s *slots) get(i uint32) uint64 {
	v := atomic.LoadUint64(s.at(i))
	runtime.KeepAlive(s)
	return v
}

func (s *slots) set(i uint32, v uint64) {
	atomic.StoreUint64(s.at(i), v)
	runtime.KeepAlive(s)
}

// Lookup returns the address of the slot at key, 0 if it is empty.
func (s *slots) Lookup(_ uint32, key []byte) uint64 {
	i := binary.LittleEndian.Uint32(key)
	if i >= s.n || s.get(i) == 0 {
		return 0
	}
	return s.addr + 8*uint64(i)
}

// Target returns the lower half of a slot.
func (s *slots) Target(i uint32) (uint32, bool) {
	if i >= s.n {
		return 0, false
	}
	v := s.get(i)
	return uint32(v), v != 0
}

// Read copies a slot, as far as the map's values go.
func (s *slots) Read(key, value []byte) error {
	i := binary.LittleEndian.Uint32(key)
	if i >= s.n || s.get(i) == 0 {
		return ENOENT
	}
	putWords(value, s.get(i))
	return nil
}

// Delete empties a slot (dev_map_delete_elem, cpu_map_delete_elem, xsk_map_delete_elem).
func (s *slots) Delete(key []byte) error {
	i := binary.LittleEndian.Uint32(key)
	if i >= s.n {
		return EINVAL
	}
	s.set(i, 0)
	return nil
}

// NextKey goes through all indexes, empty slots too, as Linux does.
func (s *slots) NextKey(key, next []byte) error { return nextIndex(s.n, key, next) }

// putWords writes the first bytes of v.
func putWords(dst []byte, v uint64) {
	var w [8]byte
	binary.LittleEndian.PutUint64(w[:], v)
	copy(dst, w[:])
}

// words reads a value of 4 or 8 bytes.
func words(src []byte) uint64 {
	var w [8]byte
	copy(w[:], src)
	return binary.LittleEndian.Uint64(w[:])
}

// devMap is a map of kind DevMap.
type devMap struct {
	*slots
	net host.Network
}

// Update refuses: the verifier lets no program write a device map.
func (m *devMap) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Write is __dev_map_update_elem, checks in its order.
func (m *devMap) Write(key, value []byte, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	v := words(value)
	switch {
	case flags > Exist:
		return EINVAL
	case i >= m.n:
		return E2BIG
	case flags == NoExist:
		return EEXIST
	case uint32(v) == 0 && int32(v>>32) > 0:
		return EINVAL
	case uint32(v) != 0 && !usable(m.net, v):
		return EINVAL
	}
	m.set(i, uint64(uint32(v)))
	return nil
}

// usable is __dev_map_alloc_node: the device exists, and no program is to run on it. (There are no descriptors, so no
// program can be given by one; Linux gives EINVAL for one that does not fit.)
func usable(net host.Network, v uint64) bool {
	if int32(v>>32) > 0 {
		return false
	}
	if net == nil {
		return true
	}
	_, ok := net.Device(uint32(v))
	return ok
}

// All calls f with every device in the map.
func (m *devMap) All(f func(uint32)) {
	for i := range m.n {
		if v := m.get(i); v != 0 {
			f(uint32(v))
		}
	}
}
