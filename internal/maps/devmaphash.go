package maps

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// Device map with keys of any value (kernel/bpf/devmap.c, dev_map_hash_*).
var devMapHashKind = Kind{
	Type:  ebpf.DevMapHash,
	Guest: true,
	Frees: true,
	Check: checkDevMapHash,
	Memory: func(d *bpf.Map, _ int) Need {
		return Need{Fixed: 8 * (uint64(d.MaxEntries) + devMapSpare)}
	},
	New: newDevMapHash,
}

// checkDevMapHash is dev_map_alloc_check for hashes, whose buckets are a power of two.
func checkDevMapHash(d *bpf.Map) error {
	if d.MaxEntries > 1<<31 {
		return fmt.Errorf("max_entries is %d, at most %d", d.MaxEntries, 1<<31)
	}
	return checkDevMap(d)
}

// devMapSpare is how many slots may wait for the runs that hold them.
const devMapSpare = 64

// devMapHash is a map of kind DevMapHash: numbers of slots by key. A slot that a program may still look at is not
// given to another key.
type devMapHash struct {
	def   *bpf.Map
	slots *slots
	net   host.Network
	rcu   *rcu.Domain

	mu      sync.RWMutex
	index   map[uint32]uint32
	keys    []uint32 // of index, sorted
	used    uint32   // slots that were ever taken
	retired []retiredSlot
}

// retiredSlot is free after a grace period.
type retiredSlot struct {
	slot  uint32
	grace uint64
}

func newDevMapHash(env *Env, _ int, d *bpf.Map) (Map, error) {
	wider := *d
	wider.MaxEntries += devMapSpare
	s, err := newSlots(env, &wider)
	if err != nil {
		return nil, err
	}
	return &devMapHash{def: d, slots: s, net: env.Net, rcu: env.RCU, index: map[uint32]uint32{}}, nil
}

func (m *devMapHash) find(key uint32) (slot uint32, ok bool) {
	m.mu.RLock()
	slot, ok = m.index[key]
	m.mu.RUnlock()
	return slot, ok
}

// Lookup returns the address of the value at key.
func (m *devMapHash) Lookup(_ uint32, key []byte) uint64 {
	slot, ok := m.find(binary.LittleEndian.Uint32(key))
	if !ok {
		return 0
	}
	return m.slots.addr + 8*uint64(slot)
}

// Target returns the device at key.
func (m *devMapHash) Target(key uint32) (uint32, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	slot, ok := m.index[key]
	if !ok {
		return 0, false
	}
	return uint32(m.slots.get(slot)), true
}

// All calls f with every device in the map.
func (m *devMapHash) All(f func(uint32)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, key := range m.keys {
		f(uint32(m.slots.get(m.index[key])))
	}
}

// Read copies the value at key.
func (m *devMapHash) Read(key, value []byte) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	slot, ok := m.index[binary.LittleEndian.Uint32(key)]
	if !ok {
		return ENOENT
	}
	putWords(value, m.slots.get(slot))
	return nil
}

// Update refuses: the verifier lets no program write a device map.
func (m *devMapHash) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Write is __dev_map_hash_update_elem, checks in its order. It does not look at BPF_EXIST either.
func (m *devMapHash) Write(key, value []byte, flags uint64) error {
	k, v := binary.LittleEndian.Uint32(key), words(value)
	if flags > Exist || uint32(v) == 0 {
		return EINVAL
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	slot, ok := m.index[k]
	switch {
	case ok && flags&NoExist != 0:
		return EEXIST
	case !usable(m.net, v):
		return EINVAL
	case !ok && len(m.index) >= int(m.def.MaxEntries):
		return E2BIG
	case !ok:
		if slot, ok = m.take(); !ok {
			return ENOMEM
		}
		m.index[k] = slot
		at, _ := slices.BinarySearch(m.keys, k)
		m.keys = slices.Insert(m.keys, at, k)
	}
	m.slots.set(slot, uint64(uint32(v)))
	return nil
}

// take finds a slot that nobody looks at. The lock is held.
func (m *devMapHash) take() (slot uint32, ok bool) {
	if m.used < m.slots.n {
		m.used++
		return m.used - 1, true
	}
	if len(m.retired) == 0 || m.retired[0].grace > m.rcu.Passed() {
		return 0, false
	}
	slot = m.retired[0].slot
	m.retired = m.retired[1:]
	return slot, true
}

// Delete is dev_map_hash_delete_elem.
func (m *devMapHash) Delete(key []byte) error {
	k := binary.LittleEndian.Uint32(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	slot, ok := m.index[k]
	if !ok {
		return ENOENT
	}
	delete(m.index, k)
	at, _ := slices.BinarySearch(m.keys, k)
	m.keys = slices.Delete(m.keys, at, at+1)
	m.retired = append(m.retired, retiredSlot{slot, m.rcu.Retire()})
	return nil
}

// NextKey gives keys in rising order; Linux's order is that of its buckets.
func (m *devMapHash) NextKey(key, next []byte) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := 0
	if key != nil {
		i, ok := slices.BinarySearch(m.keys, binary.LittleEndian.Uint32(key))
		if ok {
			at = i + 1
		}
	}
	if at >= len(m.keys) {
		return ENOENT
	}
	binary.LittleEndian.PutUint32(next, m.keys[at])
	return nil
}
