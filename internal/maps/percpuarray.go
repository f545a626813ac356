package maps

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Per-CPU array: an array for each processor (kernel/bpf/arraymap.c). The values
// of one processor stand side by side, as those of an array do, and the next
// processor's follow [bpf.Map.CPUSpan] bytes further on, so that no two processors
// write to one cache line and code finds a value with a multiplication and an addition.
var perCPUArrayKind = Kind{
	Type:   ebpf.PerCPUArray,
	Guest:  true,
	PerCPU: true,
	Check:  checkPerCPUArray,
	Memory: func(d *bpf.Map, cpus int) Need {
		return Need{Fixed: cpuSpan(d) * uint64(cpus)}
	},
	New: newPerCPUArray,
}

// maxPerCPUValue is PCPU_MIN_UNIT_SIZE, the largest value that a per-CPU map may have.
const maxPerCPUValue = 32 << 10

// checkPerCPUArray is array_map_alloc_check.
func checkPerCPUArray(d *bpf.Map) error {
	switch {
	case d.KeySize != 4:
		return fmt.Errorf("key size is %d, must be 4", d.KeySize)
	case d.ValueSize == 0 || d.ValueSize > maxPerCPUValue:
		return fmt.Errorf("value size is %d, must be between 1 and %d", d.ValueSize, maxPerCPUValue)
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	}
	if bad := d.Flags &^ uint32(accessMask); bad != 0 {
		return fmt.Errorf("unknown flags %#x", bad)
	}
	return checkAccess(d.Flags)
}

// cpuSpan is how far the values of two processors are apart: whole cache lines.
func cpuSpan(d *bpf.Map) uint64 {
	return (d.Stride()*uint64(d.MaxEntries) + 63) &^ 63
}

// perCPUArray is a map of kind PerCPUArray. As with array, whoever touches mem keeps it, and so env's
// arena, alive until then.
type perCPUArray struct {
	def    *bpf.Map
	env    *Env
	mem    []byte
	addr   uint64
	stride uint64
	span   uint64
	cpus   uint64
}

func newPerCPUArray(env *Env, _ int, d *bpf.Map) (Map, error) {
	a := &perCPUArray{def: d, env: env, stride: d.Stride(), span: cpuSpan(d), cpus: uint64(env.CPUs)}
	size := a.span * a.cpus
	var err error
	if a.addr, err = env.Arena.Alloc(size); err != nil {
		return nil, err
	}
	var ok bool
	if a.mem, ok = env.Arena.Bytes(a.addr, size); !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	d.CPUValues, d.CPUSpan = a.addr, a.span
	return a, nil
}

func (a *perCPUArray) Lookup(cpu uint32, key []byte) uint64 {
	i := binary.LittleEndian.Uint32(key)
	if i >= a.def.MaxEntries || uint64(cpu) >= a.cpus {
		return 0
	}
	return a.addr + uint64(cpu)*a.span + uint64(i)*a.stride
}

func (a *perCPUArray) value(cpu uint64, i uint32) []byte {
	off := cpu*a.span + uint64(i)*a.stride
	return a.mem[off : off+a.stride]
}

// write writes a value in its place, but for the fields that only programs use.
func (a *perCPUArray) write(cpu uint64, i uint32, value []byte) {
	if a.def.Fields == nil {
		store(a.value(cpu, i), value)
		return
	}
	bpf.CopyFields(a.def.Fields, a.value(cpu, i), value)
	if a.env.Release != nil && a.def.Owns() {
		a.env.Release(a.def, a.addr+cpu*a.span+uint64(i)*a.stride)
	}
}

// Read is bpf_percpu_array_copy: the values of all processors, what rounds them up included.
func (a *perCPUArray) Read(key, value []byte) error {
	i := binary.LittleEndian.Uint32(key)
	if i >= a.def.MaxEntries {
		return ENOENT
	}
	for cpu := range a.cpus {
		dst := value[cpu*a.stride : (cpu+1)*a.stride]
		load(dst, a.value(cpu, i))
		bpf.ClearFields(a.def.Fields, dst)
	}
	runtime.KeepAlive(a)
	return nil
}

// Update is array_map_update_elem, checks in its order: it writes the value of one processor.
func (a *perCPUArray) Update(cpu uint32, key, value []byte, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case flags&^FLock > Exist:
		return EINVAL
	case i >= a.def.MaxEntries:
		return E2BIG
	case flags&NoExist != 0:
		return EEXIST
	case flags&FLock != 0: // no value of a per-CPU map holds a bpf_spin_lock
		return EINVAL
	}
	a.write(uint64(cpu), i, value)
	runtime.KeepAlive(a)
	return nil
}

// Write is bpf_percpu_array_update: it writes the values of all processors.
func (a *perCPUArray) Write(key, value []byte, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case flags > Exist:
		return EINVAL
	case i >= a.def.MaxEntries:
		return E2BIG
	case flags == NoExist:
		return EEXIST
	}
	for cpu := range a.cpus {
		a.write(cpu, i, value[cpu*a.stride:(cpu+1)*a.stride])
	}
	runtime.KeepAlive(a)
	return nil
}

func (a *perCPUArray) Delete([]byte) error { return EINVAL }

func (a *perCPUArray) NextKey(key, next []byte) error { return nextIndex(a.def.MaxEntries, key, next) }
