package host

import (
	"fmt"
	"sync"
)

// Memory is memory that is no guest's: the kernel's, and that of the current task. Programs read it with
// bpf_probe_read_kernel and the like; a load of their own faults there.
type Memory interface {
	// ReadKernel copies kernel memory at addr and returns how many bytes from addr on can be
	// read, at most len(dst).
	ReadKernel(addr uint64, dst []byte) int
	// ReadUser is ReadKernel for memory of task t.
	ReadUser(t *Task, addr uint64, dst []byte) int
	// WriteUser copies src to memory of task t and returns how many bytes from addr on can be written.
	WriteUser(t *Task, addr uint64, src []byte) int
}

// noMemory is embedded by [Default], so that a struct which embeds Default and a
// [MemoryMap] takes these methods from the latter.
type noMemory struct{}

func (noMemory) ReadKernel(uint64, []byte) int       { return 0 }
func (noMemory) ReadUser(*Task, uint64, []byte) int  { return 0 }
func (noMemory) WriteUser(*Task, uint64, []byte) int { return 0 }

// MemoryMap is memory made of ranges: what a test wants programs to find in the kernel and in the
// current task. The zero value has none. To use one, embed it next to the default host:
//
//	host := struct {
//		rivet.DefaultHost
//		*rivet.MemoryMap
//	}{MemoryMap: mem}
//
// It is safe for concurrent use; the bytes of a range are read and written while programs run.
type MemoryMap struct {
	mu           sync.RWMutex
	kernel, user []span
}

type span struct {
	addr uint64
	b    []byte
}

// AddKernel adds b as kernel memory at addr. A range may not overlap another, nor reach beyond the
// address space. b stays the caller's: what is written to it while no program runs, programs see.
func (m *MemoryMap) AddKernel(addr uint64, b []byte) error { return m.add(&m.kernel, addr, b) }

// AddUser is AddKernel for memory of the current task, which bpf_probe_write_user can change.
func (m *MemoryMap) AddUser(addr uint64, b []byte) error { return m.add(&m.user, addr, b) }

func (m *MemoryMap) add(to *[]span, addr uint64, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	last := addr + uint64(len(b)) - 1
	if last < addr {
		return fmt.Errorf("memory: %d bytes at %#x reach beyond the address space", len(b), addr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range *to {
		if addr <= s.addr+uint64(len(s.b))-1 && s.addr <= last {
			return fmt.Errorf("memory: %d bytes at %#x overlap %d at %#x", len(b), addr, len(s.b), s.addr)
		}
	}
	*to = append(*to, span{addr, b})
	return nil
}

// ReadKernel implements [Memory].
func (m *MemoryMap) ReadKernel(addr uint64, dst []byte) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return each(m.kernel, addr, len(dst), func(off int, b []byte) { copy(dst[off:], b) })
}

// ReadUser implements [Memory].
func (m *MemoryMap) ReadUser(_ *Task, addr uint64, dst []byte) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return each(m.user, addr, len(dst), func(off int, b []byte) { copy(dst[off:], b) })
}

// WriteUser implements [Memory].
func (m *MemoryMap) WriteUser(_ *Task, addr uint64, src []byte) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return each(m.user, addr, len(src), func(off int, b []byte) { copy(b, src[off:]) })
}

// each visits the n bytes at addr as far as there are any without a gap, and counts them.
func each(spans []span, addr uint64, n int, visit func(off int, b []byte)) (done int) {
	for done < n {
		b := find(spans, addr+uint64(done))
		if b == nil {
			break
		}
		b = b[:min(len(b), n-done)]
		visit(done, b)
		done += len(b)
	}
	return done
}

// find returns the bytes from addr to the end of its range.
func find(spans []span, addr uint64) []byte {
	for _, s := range spans {
		if off := addr - s.addr; off < uint64(len(s.b)) {
			return s.b[off:]
		}
	}
	return nil
}
