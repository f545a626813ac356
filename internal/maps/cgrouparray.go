package maps

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Cgroup array: cgroups that programs ask whether a task or a socket is in (kernel/bpf/arraymap.c). A user
// writes a cgroup's id, where Linux takes a file descriptor.
var cgroupArrayKind = Kind{
	Type:   ebpf.CGroupArray,
	Check:  checkCgroupArray,
	Memory: func(*bpf.Map, int) Need { return Need{} },
	New: func(_ *Env, _ int, d *bpf.Map) (Map, error) {
		return &CgroupArray{ids: make([]atomic.Uint32, d.MaxEntries)}, nil
	},
}

// checkCgroupArray is fd_array_map_alloc_check.
func checkCgroupArray(d *bpf.Map) error {
	const allowed = FNumaNode | FRdonly | FWronly
	switch {
	case d.KeySize != 4 || d.ValueSize != 4:
		return fmt.Errorf("key size is %d and value size %d, both must be 4", d.KeySize, d.ValueSize)
	case d.MaxEntries == 0 || d.MaxEntries > maxSlots:
		return fmt.Errorf("max_entries is %d, must be between 1 and %d", d.MaxEntries, maxSlots)
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("flags %#x are not for cgroup arrays", d.Flags&^uint32(allowed))
	}
	return nil
}

// CgroupArray is a map of kind CGroupArray.
type CgroupArray struct {
	ids []atomic.Uint32 // 0: an empty slot
}

// Cgroup returns the id of the cgroup in a slot: E2BIG beyond the array, EAGAIN for an empty slot
// (bpf_current_task_under_cgroup, bpf_skb_under_cgroup).
func (a *CgroupArray) Cgroup(index uint32) (id uint64, err error) {
	if index >= uint32(len(a.ids)) {
		return 0, E2BIG
	}
	if id := a.ids[index].Load(); id != 0 {
		return uint64(id), nil
	}
	return 0, EAGAIN
}

// Write is bpf_fd_array_map_update_elem. There is no cgroup with id 0, nor a file with such a descriptor.
func (a *CgroupArray) Write(key, value []byte, flags uint64) error {
	i, id := binary.LittleEndian.Uint32(key), binary.LittleEndian.Uint32(value)
	switch {
	case flags != Any:
		return EINVAL
	case i >= uint32(len(a.ids)):
		return E2BIG
	case id == 0:
		return EBADF
	}
	a.ids[i].Store(id)
	return nil
}

// Delete empties a slot (fd_array_map_delete_elem).
func (a *CgroupArray) Delete(key []byte) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case i >= uint32(len(a.ids)):
		return E2BIG
	case a.ids[i].Swap(0) == 0:
		return ENOENT
	}
	return nil
}

// NextKey goes through all indexes, those of empty slots too.
func (a *CgroupArray) NextKey(key, next []byte) error {
	return nextIndex(uint32(len(a.ids)), key, next)
}

// Lookup gives nothing: a guest cannot look into the array.
func (a *CgroupArray) Lookup(uint32, []byte) uint64 { return 0 }

// Read refuses, as in Linux.
func (a *CgroupArray) Read([]byte, []byte) error { return EOPNOTSUPP }

// Update refuses: a guest cannot write slots.
func (a *CgroupArray) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }
