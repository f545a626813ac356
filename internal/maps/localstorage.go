package maps

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Task, inode, cgroup and socket storage (kernel/bpf/bpf_local_storage.c): a value for each object of
// the kernel that a program attaches one to. Programs name the object by its address, of which a helper makes
// the id that it has here: a task's PID, an inode's number, a cgroup's id, a socket's cookie. Users
// name it by that id, where Linux takes a file descriptor.
var (
	taskStorageKind   = localStorageKind(ebpf.TaskStorage)
	inodeStorageKind  = localStorageKind(ebpf.InodeStorage)
	cgrpStorageKind   = localStorageKind(ebpf.CgroupStorage)
	socketStorageKind = localStorageKind(ebpf.SkStorage)
)

func localStorageKind(t ebpf.MapType) Kind {
	return Kind{
		Type:   t,
		Frees:  true,
		Check:  checkLocalStorage,
		Memory: func(d *bpf.Map, _ int) Need { return Need{More: storedMemory(d.Stride())} },
		New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
			return &LocalStorage{newStored(env, d, 1)}, nil
		},
	}
}

// fClone is BPF_F_CLONE, of sockets.
const fClone = 1 << 9

// maxLocalValue is BPF_LOCAL_STORAGE_MAX_VALUE_SIZE: 65535 less struct bpf_local_storage_elem.
const maxLocalValue = 1<<16 - 1 - 128

// checkLocalStorage is bpf_local_storage_map_alloc_check.
func checkLocalStorage(d *bpf.Map) error {
	switch {
	case d.Flags&^(FNoPrealloc|fClone) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^(FNoPrealloc|fClone))
	case d.Flags&FNoPrealloc == 0:
		return fmt.Errorf("flag BPF_F_NO_PREALLOC is missing")
	case d.MaxEntries != 0:
		return fmt.Errorf("max_entries is %d, must be 0", d.MaxEntries)
	case d.KeySize != 4:
		return fmt.Errorf("key size is %d, must be 4", d.KeySize)
	case d.ValueSize == 0 || d.ValueSize > maxLocalValue:
		return fmt.Errorf("value size is %d, must be between 1 and %d", d.ValueSize, maxLocalValue)
	}
	return nil
}

// stored is values by the ids of what they belong to.
type stored struct {
	def  *bpf.Map
	env  *Env
	size uint64 // of a value's memory: that of all processors

	mu    sync.RWMutex
	at    map[uint64]uint64 // guest addresses
	order []uint64          // ids, the oldest first
	spare recycler[uint64]
}

// storedMemory is room for 1024 values, or for 4 MiB of larger ones and 16 at least.
func storedMemory(size uint64) uint64 {
	return blockSize(size+63) * max(16, min(1024, 4<<20/size))
}

func newStored(env *Env, d *bpf.Map, cpus int) stored {
	return stored{def: d, env: env, size: d.Stride() * uint64(cpus), at: map[uint64]uint64{}, spare: recycler[uint64]{rcu: env.RCU}}
}

func (s *stored) find(id uint64) (addr uint64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	addr, ok = s.at[id]
	return addr, ok
}

func (s *stored) bytes(addr uint64) []byte {
	b, ok := s.env.Arena.Bytes(addr, s.size)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	return b
}

// create attaches a value, which fill writes to zeroed memory, to what has none. The lock is held.
func (s *stored) create(id uint64, fill func([]byte)) (uint64, error) {
	addr, ok := s.spare.get()
	if !ok {
		var err error
		if addr, err = s.env.Arena.Alloc(s.size); err != nil {
			return 0, ENOMEM
		}
	}
	b := s.bytes(addr)
	clear(b)
	if fill != nil {
		fill(b)
	}
	s.at[id] = addr
	s.order = append(s.order, id)
	return addr, nil
}

// LocalStorage is a map of one of these kinds.
type LocalStorage struct{ stored }

// Get returns the guest address of the value of id. Where there is none and create is set, it attaches
// one: a copy of value, or zeros where that is nil.
func (s *LocalStorage) Get(id uint64, create bool, value []byte) (uint64, error) {
	if addr, ok := s.find(id); ok {
		return addr, nil
	}
	if !create {
		return 0, ENOENT
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if addr, ok := s.at[id]; ok {
		return addr, nil
	}
	return s.create(id, s.copier(value))
}

// copier returns a function that copies a value, nil for none.
func (s *LocalStorage) copier(value []byte) func([]byte) {
	if value == nil {
		return nil
	}
	return func(b []byte) { bpf.CopyFields(s.def.Fields, b[:len(value)], value) }
}

// Remove takes the value of id away.
func (s *LocalStorage) Remove(id uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, ok := s.at[id]
	if !ok {
		return ENOENT
	}
	delete(s.at, id)
	s.order = slices.DeleteFunc(s.order, func(o uint64) bool { return o == id })
	s.end(addr)
	s.spare.retire(addr)
	return nil
}

// end ends what the value's special fields hold.
func (s *LocalStorage) end(addr uint64) {
	if s.env.Release != nil && s.def.Owns() {
		s.env.Release(s.def, addr)
	}
}

func idOf(key []byte) uint64 { return uint64(binary.LittleEndian.Uint32(key)) }

// Lookup: programs use the kind's own helpers.
func (s *LocalStorage) Lookup(uint32, []byte) uint64 { return 0 }

// Update likewise.
func (s *LocalStorage) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Read copies the value of the object of that id.
func (s *LocalStorage) Read(key, value []byte) error { return s.read(key, value, false) }

// ReadLocked implements [LockedReader].
func (s *LocalStorage) ReadLocked(key, value []byte) error { return s.read(key, value, true) }

func (s *LocalStorage) read(key, value []byte, locked bool) error {
	defer runtime.KeepAlive(s)
	addr, ok := s.find(idOf(key))
	if !ok {
		return ENOENT
	}
	if s.def.Fields != nil {
		return readFields(s.def, value, s.bytes(addr)[:len(value)], locked)
	}
	load(value, s.bytes(addr))
	return nil
}

// Write is bpf_local_storage_update, checks in its order.
func (s *LocalStorage) Write(key, value []byte, flags uint64) error {
	defer runtime.KeepAlive(s)
	if flags&^FLock > Exist || flags&FLock != 0 && s.def.SpinLock() < 0 {
		return EINVAL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, ok := s.at[idOf(key)]
	switch {
	case ok && flags&NoExist != 0:
		return EEXIST
	case !ok && flags&Exist != 0:
		return ENOENT
	case !ok:
		_, err := s.create(idOf(key), s.copier(value))
		return err
	case s.def.Fields != nil:
		return writeFields(s.def, s.bytes(addr)[:len(value)], value, flags)
	}
	store(s.bytes(addr), value)
	return nil
}

// Delete removes the value of the object of that id.
func (s *LocalStorage) Delete(key []byte) error { return s.Remove(idOf(key)) }

// NextKey is notsupp_get_next_key.
func (s *LocalStorage) NextKey([]byte, []byte) error { return EOPNOTSUPP }

// Holds implements [Holder].
func (s *LocalStorage) Holds(addr uint64, key []byte) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, value := range s.at {
		if addr-value < s.size {
			binary.LittleEndian.PutUint32(key, uint32(id))
			return value
		}
	}
	return 0
}
