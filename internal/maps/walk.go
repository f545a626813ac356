package maps

import "sync/atomic"

// Walker is a map whose entries a guest can go through (bpf_for_each_map_elem).
type Walker interface {
	// Walk goes on to the next entry, as a guest on processor cpu sees it; false: there is none. The zero
	// Walk begins. Entries that come and go meanwhile may be left out.
	Walk(w *Walk, cpu uint32) bool
}

// Walk is an entry, and how to go on from there.
type Walk struct {
	Key   uint64 // guest address of the key; 0: it is Index, of an array
	Index uint32
	Value uint64 // guest address of the value

	bucket, next uint32
}

// Walk is part of [Walker] (bpf_for_each_array_elem).
func (a *array) Walk(w *Walk, _ uint32) bool {
	return w.step(a.def.MaxEntries, a.addr, a.stride)
}

// Walk is part of [Walker] (bpf_for_each_array_elem).
func (a *perCPUArray) Walk(w *Walk, cpu uint32) bool {
	return w.step(a.def.MaxEntries, a.addr+uint64(cpu)*a.span, a.stride)
}

func (w *Walk) step(entries uint32, values, stride uint64) bool {
	if w.next == entries {
		return false
	}
	w.Index, w.Value = w.next, values+uint64(w.next)*stride
	w.next++
	return true
}

// Walk is part of [Walker] (bpf_for_each_hash_elem). The next element is known before the guest
// gets this one, so that it may delete it.
func (h *hash) Walk(w *Walk, cpu uint32) bool {
	b := h.heads()
	for w.next == 0 || w.next&end != 0 {
		if int(w.bucket) >= len(b) {
			return false
		}
		w.next = atomic.LoadUint32(&b[w.bucket])
		w.bucket++
	}
	p := h.at(w.next)
	w.next = uint32(p.link.Load() >> 32)
	w.Key, w.Value = p.addr(), p.addr()+h.value
	if h.perCPU {
		w.Value += uint64(cpu) * h.stride
	}
	return true
}
