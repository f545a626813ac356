package maps

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Perf event array: to each processor a buffer that a reader put there (kernel/bpf/arraymap.c,
// kernel/trace/bpf_trace.c). The buffers are the reader's, outside of guest memory.
var perfArrayKind = Kind{
	Type:  ebpf.PerfEventArray,
	Check: checkPerfArray,
	// Objects leave all of it out; who loads them fills it in (MapSpec.fixupMagicFields of cilium/ebpf).
	Complete: func(d *bpf.Map, cpus int) {
		if d.KeySize == 0 {
			d.KeySize = 4
		}
		if d.ValueSize == 0 {
			d.ValueSize = 4
		}
		if d.MaxEntries == 0 || d.MaxEntries > uint32(cpus) {
			d.MaxEntries = uint32(cpus)
		}
	},
	Memory: func(*bpf.Map, int) Need { return Need{} },
	New: func(_ *Env, _ int, d *bpf.Map) (Map, error) {
		return &PerfArray{def: d, slots: make([]atomic.Pointer[PerfRing], d.MaxEntries)}, nil
	},
}

// checkPerfArray is fd_array_map_alloc_check.
func checkPerfArray(d *bpf.Map) error {
	const allowed = FNumaNode | fPreserveElems | accessMask
	switch {
	case d.KeySize != 4 || d.ValueSize != 4:
		return fmt.Errorf("key size is %d and value size %d, both must be 4", d.KeySize, d.ValueSize)
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(allowed))
	case d.Flags&(FRdonlyProg|FWronlyProg) != 0:
		return fmt.Errorf("flags BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG are not for perf event arrays")
	}
	return nil
}

// fPreserveElems keeps buffers in the map when the one who put them there closes it; here that is
// a reader, which takes out what it put in.
const fPreserveElems = 1 << 11

// PerfArray is a map of kind PerfEventArray.
type PerfArray struct {
	def   *bpf.Map
	slots []atomic.Pointer[PerfRing]
}

// Flags of bpf_perf_event_output (linux/bpf.h).
const (
	perfIndexMask  = 1<<32 - 1
	perfCurrentCPU = perfIndexMask
)

// find gives the buffer that flags name to a program on processor cpu (__bpf_perf_event_output,
// get_map_perf_counter).
func (a *PerfArray) find(cpu uint32, flags uint64) (*PerfRing, error) {
	i := flags & perfIndexMask
	if i == perfCurrentCPU {
		i = uint64(cpu)
	}
	if i >= uint64(len(a.slots)) {
		return nil, E2BIG
	}
	if r := a.slots[i].Load(); r != nil {
		return r, nil
	}
	return nil, ENOENT
}

// Output makes a sample of data, and more behind it, in the buffer that the lower half of flags names: its
// index or BPF_F_CURRENT_CPU.
func (a *PerfArray) Output(cpu uint32, flags uint64, data, more []byte) error {
	r, err := a.find(cpu, flags)
	switch {
	case err != nil:
		return err
	case r.CPU != cpu:
		return EOPNOTSUPP
	}
	return r.output(data, more)
}

// Counter reads the buffer's event as a counter (perf_event_read_local): it counts nothing, but has been on
// for some time.
func (a *PerfArray) Counter(cpu uint32, flags uint64) (count uint64, on time.Duration, err error) {
	if flags&^perfIndexMask != 0 {
		return 0, 0, EINVAL
	}
	r, err := a.find(cpu, flags)
	switch {
	case err != nil:
		return 0, 0, err
	case r.CPU != cpu:
		return 0, 0, EINVAL
	}
	return 0, time.Since(r.since), nil
}

// Attach puts a buffer into the map, in the place of the one that is there.
func (a *PerfArray) Attach(r *PerfRing) { a.slots[r.CPU].Store(r) }

// Detach empties the place of processor cpu.
func (a *PerfArray) Detach(cpu int) { a.slots[cpu].Store(nil) }

// Lookup gives nothing: no guest can look into the map.
func (a *PerfArray) Lookup(uint32, []byte) uint64 { return 0 }

// Update refuses: no guest can write it.
func (a *PerfArray) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Read refuses, as Linux does.
func (a *PerfArray) Read([]byte, []byte) error { return EOPNOTSUPP }

// Write refuses (bpf_fd_array_map_update_elem): there are no file descriptors of perf events here. A reader puts its buffers in.
func (a *PerfArray) Write(key, _ []byte, flags uint64) error {
	switch {
	case flags != Any:
		return EINVAL
	case binary.LittleEndian.Uint32(key) >= a.def.MaxEntries:
		return E2BIG
	}
	return EBADF
}

// Delete takes out what is there (__fd_array_map_delete_elem).
func (a *PerfArray) Delete(key []byte) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case i >= a.def.MaxEntries:
		return E2BIG
	case a.slots[i].Swap(nil) == nil:
		return ENOENT
	}
	return nil
}

// NextKey goes through all indexes, empty ones too, as Linux does.
func (a *PerfArray) NextKey(key, next []byte) error { return nextIndex(a.def.MaxEntries, key, next) }
