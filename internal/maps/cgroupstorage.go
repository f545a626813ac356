package maps

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Storage of programs attached to cgroups (kernel/bpf/local_storage.c), the kind from before there was
// storage for each cgroup: a value for each cgroup that a program runs for. What programs see with
// bpf_get_local_storage is that of the current task's own cgroup.
var (
	cgroupStorageKind       = cgroupStorageKindOf(ebpf.CGroupStorage, false)
	perCPUCgroupStorageKind = cgroupStorageKindOf(ebpf.PerCPUCGroupStorage, true)
)

func cgroupStorageKindOf(t ebpf.MapType, perCPU bool) Kind {
	copies := func(cpus int) int {
		if perCPU {
			return cpus
		}
		return 1
	}
	return Kind{
		Type:   t,
		PerCPU: perCPU,
		Check:  checkCgroupStorage,
		Memory: func(d *bpf.Map, cpus int) Need { return Need{More: storedMemory(d.Stride() * uint64(copies(cpus)))} },
		New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
			return &CgroupStorage{newStored(env, d, copies(env.CPUs)), perCPU}, nil
		},
	}
}

// checkCgroupStorage is cgroup_storage_map_alloc.
func checkCgroupStorage(d *bpf.Map) error {
	const maxValue = 4096 // PAGE_SIZE
	switch {
	case d.KeySize != 8 && d.KeySize != 16:
		return fmt.Errorf("key size is %d, must be 8 or that of struct bpf_cgroup_storage_key, 16", d.KeySize)
	case d.ValueSize == 0 || d.ValueSize > maxValue:
		return fmt.Errorf("value size is %d, must be between 1 and %d", d.ValueSize, maxValue)
	case d.Flags&^uint32(FNumaNode|accessMask) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(FNumaNode|accessMask))
	case d.MaxEntries != 0:
		return fmt.Errorf("max_entries is %d, must be 0", d.MaxEntries)
	}
	return checkAccess(d.Flags)
}

// CgroupStorage is a map of one of these kinds. A key's attach type counts for nothing: programs that
// are attached to a cgroup in different places share its value.
type CgroupStorage struct {
	stored
	perCPU bool
}

// Get returns the guest address of the value of a cgroup for processor cpu, which it makes if need be.
func (s *CgroupStorage) Get(cgroup uint64, cpu uint32) (uint64, error) {
	addr, ok := s.find(cgroup)
	if !ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		if addr, ok = s.at[cgroup]; !ok {
			var err error
			if addr, err = s.create(cgroup, nil); err != nil {
				return 0, err
			}
		}
	}
	if s.perCPU {
		addr += uint64(cpu) * s.def.Stride()
	}
	return addr, nil
}

// Lookup is not what programs call.
func (s *CgroupStorage) Lookup(uint32, []byte) uint64 { return 0 }

// Update likewise.
func (s *CgroupStorage) Update(uint32, []byte, []byte, uint64) error { return EINVAL }

// Read is cgroup_storage_lookup_elem.
func (s *CgroupStorage) Read(key, value []byte) error {
	addr, ok := s.find(binary.LittleEndian.Uint64(key))
	if !ok {
		return ENOENT
	}
	load(value, s.bytes(addr))
	runtime.KeepAlive(s)
	return nil
}

// Write is cgroup_storage_update_elem: it makes no value.
func (s *CgroupStorage) Write(key, value []byte, flags uint64) error {
	if s.perCPU && flags > Exist || !s.perCPU && flags&^Exist != 0 {
		return EINVAL
	}
	addr, ok := s.find(binary.LittleEndian.Uint64(key))
	if !ok {
		return ENOENT
	}
	store(s.bytes(addr), value)
	runtime.KeepAlive(s)
	return nil
}

// Delete is cgroup_storage_delete_elem: a value lives as long as its cgroup.
func (s *CgroupStorage) Delete([]byte) error { return EINVAL }

// NextKey is cgroup_storage_get_next_key.
func (s *CgroupStorage) NextKey(key, next []byte) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := 0
	if key != nil {
		i = slices.Index(s.order, binary.LittleEndian.Uint64(key)) + 1
		if i == 0 {
			return ENOENT
		}
	}
	if i >= len(s.order) {
		return ENOENT
	}
	clear(next)
	binary.LittleEndian.PutUint64(next, s.order[i])
	return nil
}
