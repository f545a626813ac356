package maps

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
)

// Maps of sockets: by index, by key, and those that share a port (net/core/sock_map.c,
// kernel/bpf/reuseport_array.c). To users a value is the cookie of its socket.
var (
	sockMapKind = Kind{
		Type:   ebpf.SockMap,
		Guest:  true,
		Check:  func(d *bpf.Map) error { return cmpError(checkIndexed(d, FNumaNode|FRdonly|FWronly), checkWords(d)) },
		Memory: noMemory,
		New:    func(_ *Env, _ int, d *bpf.Map) (Map, error) { return newSockMap(d, EINVAL), nil },
	}
	sockHashKind = Kind{
		Type:   ebpf.SockHash,
		Guest:  true,
		Check:  checkSockHash,
		Memory: noMemory,
		New:    func(_ *Env, _ int, d *bpf.Map) (Map, error) { return newSockMap(d, ENOENT), nil },
	}
	reuseportKind = Kind{
		Type:   ebpf.ReusePortSockArray,
		Guest:  true,
		Check:  checkReuseport,
		Memory: noMemory,
		New:    func(_ *Env, _ int, d *bpf.Map) (Map, error) { return newSockMap(d, ENOENT), nil },
	}
)

func noMemory(*bpf.Map, int) Need { return Need{} }

func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// maxKey is MAX_BPF_STACK: no program could hold a larger key.
const maxKey = 512

// checkSockHash is sock_hash_alloc.
func checkSockHash(d *bpf.Map) error {
	const allowed = FNumaNode | FRdonly | FWronly
	switch {
	case d.KeySize == 0 || d.KeySize > maxKey:
		return fmt.Errorf("key size is %d, must be between 1 and %d", d.KeySize, maxKey)
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("flags %#x are not for this kind", d.Flags&^uint32(allowed))
	}
	return checkWords(d)
}

// checkReuseport is reuseport_array_alloc_check.
func checkReuseport(d *bpf.Map) error {
	if err := checkWords(d); err != nil {
		return err
	}
	return checkArray(d)
}

// SockMap is a map of sockets of any kind.
type SockMap struct {
	def *bpf.Map
	// gone is what deleting a key gives that has no socket.
	gone Errno

	mu    sync.RWMutex
	socks map[string]*host.Socket
	keys  []string // of sockets in a hash, sorted
}

func newSockMap(d *bpf.Map, gone Errno) *SockMap {
	return &SockMap{def: d, gone: gone, socks: map[string]*host.Socket{}}
}

// indexed reports whether keys are indexes.
func (m *SockMap) indexed() bool { return m.def.Type != uint32(ebpf.SockHash) }

// Socket returns the socket at key, nil when there is none.
func (m *SockMap) Socket(key []byte) *host.Socket {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.socks[string(key)]
}

// Put is sock_map_update_common, sock_hash_update_common and reuseport_array_update_check, checks in
// their order.
func (m *SockMap) Put(key []byte, s *host.Socket, flags uint64) error {
	switch {
	case flags > Exist:
		return EINVAL
	case m.indexed() && binary.LittleEndian.Uint32(key) >= m.def.MaxEntries:
		return E2BIG
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.socks[string(key)]
	switch {
	case old != nil && flags == NoExist:
		return EEXIST
	case old == nil && flags == Exist:
		return ENOENT
	case m.def.Type == uint32(ebpf.ReusePortSockArray) && m.has(s):
		return EBUSY
	case old == nil && len(m.socks) >= int(m.def.MaxEntries):
		return E2BIG
	case old == nil && !m.indexed():
		at, _ := slices.BinarySearch(m.keys, string(key))
		m.keys = slices.Insert(m.keys, at, string(key))
	}
	m.socks[string(key)] = s
	return nil
}

// has reports whether a socket is in the map. The lock is held.
func (m *SockMap) has(s *host.Socket) bool {
	for _, k := range m.socks {
		if k == s {
			return true
		}
	}
	return false
}

// Lookup gives no address: what a program gets is a socket, which lives as long as its run
// (helpers give it an address).
func (m *SockMap) Lookup(uint32, []byte) uint64 { return 0 }

// Update refuses: programs put sockets, not bytes.
func (m *SockMap) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Write refuses: a socket is put by [SockMap.Put], and what is no socket's descriptor is EBADF, or EINVAL if it could be none.
func (m *SockMap) Write(_, value []byte, _ uint64) error {
	if words(value) > math.MaxInt32 {
		return EINVAL
	}
	return EBADF
}

// Read gives the socket's cookie (sock_map_lookup_sys).
func (m *SockMap) Read(key, value []byte) error {
	if len(value) != 8 {
		return ENOSPC
	}
	s := m.Socket(key)
	if s == nil {
		return ENOENT
	}
	binary.LittleEndian.PutUint64(value, s.CookieOf())
	return nil
}

// Delete is sock_map_delete_elem, sock_hash_delete_elem and reuseport_array_delete_elem.
func (m *SockMap) Delete(key []byte) error {
	if m.indexed() && binary.LittleEndian.Uint32(key) >= m.def.MaxEntries {
		if m.def.Type == uint32(ebpf.ReusePortSockArray) {
			return E2BIG
		}
		return EINVAL
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.socks[string(key)] == nil {
		return m.gone
	}
	delete(m.socks, string(key))
	if at, ok := slices.BinarySearch(m.keys, string(key)); ok {
		m.keys = slices.Delete(m.keys, at, at+1)
	}
	return nil
}

// NextKey goes through all indexes, or through the keys in rising order; Linux's order is that of its buckets.
func (m *SockMap) NextKey(key, next []byte) error {
	if m.indexed() {
		return nextIndex(m.def.MaxEntries, key, next)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := 0
	if key != nil {
		if i, ok := slices.BinarySearch(m.keys, string(key)); ok {
			at = i + 1
		}
	}
	if at >= len(m.keys) {
		return ENOENT
	}
	copy(next, m.keys[at])
	return nil
}
