package helpers

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Objects that programs allocate: enum bpf_func_id 194 and kfuncs of kernel/bpf/helpers.c. A name
// that ends in _impl is Linux's up to 6.18, the one without it is later.
var objectHelpers = []*Helper{
	{ID: 194, Name: "kptr_xchg", Fn: kptrXchg, Args: []Arg{{Name: "dst", Kind: MemW, Size: 8}, {Name: "ptr", Kind: Scalar}}},
	{Name: "bpf_obj_new", Fn: objNew, Args: typeArgs},
	{Name: "bpf_obj_new_impl", Fn: objNew, Args: typeArgs},
	{Name: "bpf_obj_drop", Fn: objDrop, Args: objectArgs},
	{Name: "bpf_obj_drop_impl", Fn: objDrop, Args: objectArgs},
	{Name: "bpf_percpu_obj_new", Fn: perCPUObjNew, Args: typeArgs},
	{Name: "bpf_percpu_obj_new_impl", Fn: perCPUObjNew, Args: typeArgs},
	{Name: "bpf_percpu_obj_drop", Fn: objDrop, Args: objectArgs},
	{Name: "bpf_percpu_obj_drop_impl", Fn: objDrop, Args: objectArgs},
	{Name: "bpf_refcount_acquire", Fn: refcountAcquire, Args: objectArgs},
	{Name: "bpf_refcount_acquire_impl", Fn: refcountAcquire, Args: objectArgs},
}

var (
	typeArgs   = []Arg{{Name: "local_type_id", Kind: Scalar}}
	objectArgs = []Arg{{Name: "ptr", Kind: Scalar}}
)

// HeapMemory is how much guest memory the objects have that a module's programs allocate.
func HeapMemory(m *bpf.Module) uint64 {
	if Allocates(m) {
		return 32 << 20
	}
	return 0
}

// Allocates reports whether programs of m can allocate objects. Runs are then readers of
// World.RCU, and no object is used again while a run may hold it.
func Allocates(m *bpf.Module) bool {
	return slices.ContainsFunc(m.Kfuncs, func(name string) bool {
		return strings.Contains(name, "obj_new") || name == "bpf_cpumask_create"
	})
}

// heap is all that are alive, and the lists and trees that they are in. What is known of an
// object is kept here: guest memory holds nothing that is relied on.
type heap struct {
	w *World

	mu      sync.Mutex
	live    map[uint64]*heapObject
	nodes   map[uint64]*node // by address
	graphs  map[uint64]*graph
	kptrs   map[uint64]*heapObject // by the address of the field
	retired []*heapObject          // dropped, and perhaps still held
	spread  uint32                 // of any_distribute
}

// heapObject is one allocation.
type heapObject struct {
	at, size uint64
	typ      *bpf.Type // nil: a cpumask
	stride   uint64    // of one processor's copy; 0: there is only one
	refs     int
	grace    uint64 // of a retired object
}

func newHeap(w *World) *heap {
	return &heap{w: w, live: map[uint64]*heapObject{}, nodes: map[uint64]*node{}, graphs: map[uint64]*graph{}, kptrs: map[uint64]*heapObject{}}
}

// alloc makes an object of n bytes, or of that many for each processor; nil when there is no memory.
func (h *heap) alloc(typ *bpf.Type, n uint64, perCPU bool) *heapObject {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reclaim()
	obj := &heapObject{typ: typ, size: n, refs: 1}
	if perCPU {
		obj.stride, obj.size = n, n*uint64(h.w.CPUs)
	}
	at, err := h.w.Arena.Alloc(obj.size)
	if err != nil {
		return nil
	}
	obj.at = at
	h.live[at] = obj
	if typ != nil {
		for i := range typ.Fields {
			if f := &typ.Fields[i]; f.Kind == bpf.ListNode || f.Kind == bpf.RbNode {
				h.nodes[at+uint64(f.Offset)] = &node{obj: obj, at: at + uint64(f.Offset)}
			}
		}
	}
	return obj
}

// reclaim frees what nobody can hold any more. The lock is held.
func (h *heap) reclaim() {
	if len(h.retired) == 0 {
		return
	}
	passed, n := h.w.RCU.Passed(), 0
	for ; n < len(h.retired) && h.retired[n].grace <= passed; n++ {
		h.w.Arena.Free(h.retired[n].at, h.retired[n].size)
	}
	h.retired = slices.Delete(h.retired, 0, n)
}

// unref gives a reference back, and with the last one the object. The lock is held. Objects that it
// owned in turn are given back as well: work, not recursion, since lists may be long.
func (h *heap) unref(obj *heapObject) {
	for work := []*heapObject{obj}; len(work) > 0; {
		obj, work = work[len(work)-1], work[:len(work)-1]
		if obj.refs--; obj.refs > 0 {
			continue
		}
		delete(h.live, obj.at)
		if obj.typ != nil {
			for i := range obj.typ.Fields {
				delete(h.nodes, obj.at+uint64(obj.typ.Fields[i].Offset))
			}
			work = h.empty(work, obj.typ.Fields, obj.at)
		}
		obj.grace = h.w.RCU.Retire()
		h.retired = append(h.retired, obj)
	}
}

// empty takes out all that the special fields of a value hold. The lock is held.
func (h *heap) empty(out []*heapObject, fields []bpf.Field, value uint64) []*heapObject {
	for i := range fields {
		f := &fields[i]
		at := value + uint64(f.Offset)
		switch f.Kind {
		case bpf.Kptr, bpf.KptrPerCPU:
			if obj := h.kptrs[at]; obj != nil {
				delete(h.kptrs, at)
				out = append(out, obj)
			}
			if b, ok := h.w.Arena.Bytes(at, 8); ok && at%8 == 0 {
				swap(b, 0)
			}
		case bpf.ListHead, bpf.RbRoot:
			if g := h.graphs[at]; g != nil {
				for _, n := range g.nodes {
					n.graph = nil
					out = append(out, n.obj)
				}
				delete(h.graphs, at)
			}
		}
	}
	return out
}

// Release ends what the special fields of a value hold that is deleted or overwritten: it is
// maps.Env's.
func (w *World) Release(d *bpf.Map, value uint64) {
	w.Timers.forget(d.Fields, value)
	h := w.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, obj := range h.empty(nil, d.Fields, value) {
		h.unref(obj)
	}
}

// perCPU returns the address of a processor's copy of a per-CPU object; ok is false for what is none.
func (h *heap) perCPU(at uint64, cpu uint32) (copy uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	obj := h.live[at]
	if obj == nil || obj.stride == 0 {
		return 0, false
	}
	return at + uint64(cpu)*obj.stride, true
}

// own notes that a run has a reference to an object: it is given back at the run's end at the latest.
func (r *Run) own(obj *heapObject) uint64 {
	r.owned = append(r.owned, obj)
	return obj.at
}

// disown takes the reference away from the run; nil when the run has none to an object at that address.
func (r *Run) disown(at uint64) *heapObject {
	for i := len(r.owned) - 1; i >= 0; i-- {
		if obj := r.owned[i]; obj.at == at {
			r.owned = slices.Delete(r.owned, i, i+1)
			return obj
		}
	}
	return nil
}

// releaseObjects gives back what a run that ended in the middle still has.
func (r *Run) releaseObjects() {
	h := r.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, obj := range r.owned {
		h.unref(obj)
	}
	clear(r.owned)
	r.owned = r.owned[:0]
}

// kptrXchg stores a pointer in a field, which has the reference from now on, and returns the one
// that was there, whose reference the run gets. Objects of the kernel stay for as long as the collection: nobody
// counts references to them.
func kptrXchg(c *Call) (uint64, error) {
	if err := c.aligned(0, 8); err != nil {
		return 0, err
	}
	stored := c.Run.disown(c.Args[1])
	if stored == nil && c.Args[1] != 0 && !c.Run.World.Objects.has(c.Args[1]) {
		return 0, c.bad(1, 0, "not an object that the run has a reference to")
	}
	h, at := c.Run.World.heap, c.Args[0]
	h.mu.Lock()
	defer h.mu.Unlock()
	old, held := swap(c.Mem[0], c.Args[1]), h.kptrs[at]
	if stored != nil {
		h.kptrs[at] = stored
	} else {
		delete(h.kptrs, at)
	}
	switch {
	case held == nil:
	case held.at == old:
		c.Run.own(held)
	default: // the guest has overwritten the pointer
		h.unref(held)
	}
	return old, nil
}

// newType returns the type that a program allocates.
func (c *Call) newType() (*bpf.Type, error) {
	t := c.Run.World.Module.Types[uint32(c.Args[0])]
	if t == nil || t.Size == 0 || uint64(uint32(c.Args[0])) != c.Args[0] {
		return nil, c.bad(0, 0, "not the BTF ID of a structure of the object")
	}
	return t, nil
}

func objNew(c *Call) (uint64, error) {
	t, err := c.newType()
	if err != nil {
		return 0, err
	}
	if obj := c.Run.World.heap.alloc(t, uint64(t.Size), false); obj != nil {
		return c.Run.own(obj), nil
	}
	return 0, nil
}

// maxPerCPUObject is BPF_GLOBAL_PERCPU_MA_MAX_SIZE.
const maxPerCPUObject = 512

func perCPUObjNew(c *Call) (uint64, error) {
	t, err := c.newType()
	if err != nil {
		return 0, err
	}
	if t.Size > maxPerCPUObject {
		return 0, fmt.Errorf("%s: %s has %d bytes: at most %d are possible", c.Helper.Name, t.Name, t.Size, maxPerCPUObject)
	}
	obj := c.Run.World.heap.alloc(t, (uint64(t.Size)+7)&^7, true)
	if obj == nil {
		return 0, nil
	}
	return c.Run.own(obj), nil
}

func objDrop(c *Call) (uint64, error) {
	obj := c.Run.disown(c.Args[0])
	if obj == nil {
		return 0, c.bad(0, 0, "not an object that the run has a reference to")
	}
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unref(obj)
	return 0, nil
}

// refcountAcquire makes another reference; NULL for an object that is gone.
func refcountAcquire(c *Call) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	obj := h.live[c.Args[0]]
	switch {
	case obj == nil:
		return 0, nil
	case obj.typ == nil || bpf.Find(obj.typ.Fields, bpf.Refcount) == nil:
		return 0, c.bad(0, 0, "the object has no bpf_refcount")
	}
	obj.refs++
	return c.Run.own(obj), nil
}

// swap stores v in b, 8 bytes at a multiple of 8, and returns what was there.
func swap(b []byte, v uint64) uint64 { return atomic.SwapUint64((*uint64)(unsafe.Pointer(&b[0])), v) }
