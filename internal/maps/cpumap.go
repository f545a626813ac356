package maps

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// CPU map: processors that bpf_redirect_map sends packets to (kernel/bpf/cpumap.c).
var cpuMapKind = Kind{
	Type:  ebpf.CPUMap,
	Check: checkCPUMap,
	// As MapSpec.fixupMagicFields of cilium/ebpf does: there are no more processors than these.
	Complete: func(d *bpf.Map, cpus int) {
		if d.MaxEntries == 0 || d.MaxEntries > uint32(cpus) {
			d.MaxEntries = uint32(cpus)
		}
	},
	Memory: slotMemory,
	New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
		s, err := newSlots(env, d)
		return &cpuMap{slots: s, cpus: uint32(env.CPUs)}, err
	},
}

const (
	maxCPUs  = 8192  // NR_CPUS of kernels for large machines
	maxQueue = 16384 // packets that wait for one processor
)

// checkCPUMap is cpu_map_alloc.
func checkCPUMap(d *bpf.Map) error {
	if err := checkIndexed(d, FNumaNode); err != nil {
		return err
	}
	if err := checkWords(d); err != nil {
		return err
	}
	if d.MaxEntries > maxCPUs {
		return fmt.Errorf("max_entries is %d, at most %d processors are possible", d.MaxEntries, maxCPUs)
	}
	return nil
}

// cpuMap is a map of kind CPUMap: the length of each processor's queue.
type cpuMap struct {
	*slots
	cpus uint32
}

// Update refuses: the verifier lets no program write a CPU map.
func (m *cpuMap) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Write is cpu_map_update_elem, checks in its order.
func (m *cpuMap) Write(key, value []byte, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	v := words(value)
	switch {
	case flags > Exist:
		return EINVAL
	case i >= m.n:
		return E2BIG
	case flags == NoExist:
		return EEXIST
	case uint32(v) > maxQueue:
		return EOVERFLOW
	case i >= m.cpus:
		return ENODEV
	case uint32(v) != 0 && int32(v>>32) > 0:
		return ENOMEM // what Linux gives for a descriptor that is no program
	}
	m.set(i, uint64(uint32(v)))
	return nil
}
