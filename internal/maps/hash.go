package maps

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Hash, per-CPU hash, LRU hash and LRU per-CPU hash (kernel/bpf/hashtab.c). hashtable.go has
// the chains, elements.go the memory, lru.go the choice of who has to go.
var (
	hashKind          = hashKindOf(ebpf.Hash, false)
	perCPUHashKind    = hashKindOf(ebpf.PerCPUHash, true)
	lruHashKind       = hashKindOf(ebpf.LRUHash, false)
	lruPerCPUHashKind = hashKindOf(ebpf.LRUCPUHash, true)
)

func hashKindOf(t ebpf.MapType, perCPU bool) Kind {
	return Kind{
		Type:   t,
		Guest:  true,
		Frees:  true,
		PerCPU: perCPU,
		Check:  checkHash,
		Memory: func(d *bpf.Map, cpus int) Need {
			var s elements
			s.sizes(hashElem(d, cpus), hashEntries(d, cpus))
			return Need{More: s.memory()}
		},
		New: newHash,
	}
}

// hash is a map of one of these kinds.
type hash struct {
	table
	def    *bpf.Map
	env    *Env
	perCPU bool
	cpus   uint64
	stride uint64 // bytes from one processor's value to the next
	value  uint64 // where in an element the value begins
	count  atomic.Int64
	lru    *lru // nil: a full map takes no more
}

func isLRU(d *bpf.Map) bool {
	return d.Type == uint32(ebpf.LRUHash) || d.Type == uint32(ebpf.LRUCPUHash)
}

func isPerCPUHash(d *bpf.Map) bool {
	return d.Type == uint32(ebpf.PerCPUHash) || d.Type == uint32(ebpf.LRUCPUHash)
}

// Bounds of a definition: KMALLOC_MAX_SIZE less struct htab_elem, and the buckets whose size in bytes fits 32 bits.
const (
	maxHashElem    = 4<<20 - 48
	maxHashEntries = 1 << 27
)

// checkHash is htab_map_alloc_check, and what htab_map_alloc refuses.
func checkHash(d *bpf.Map) error {
	const allowed = FNoPrealloc | FNoCommonLRU | FNumaNode | FZeroSeed | accessMask
	perCPU, lru := isPerCPUHash(d), isLRU(d)
	switch bad := d.Flags &^ uint32(allowed); {
	case bad != 0:
		return fmt.Errorf("unknown flags %#x", bad)
	case d.Flags&FNoCommonLRU != 0 && !lru:
		return fmt.Errorf("flag BPF_F_NO_COMMON_LRU is for LRU hashes")
	case d.Flags&FNoPrealloc != 0 && lru:
		return fmt.Errorf("flag BPF_F_NO_PREALLOC is not for LRU hashes")
	case d.Flags&FNumaNode != 0 && (perCPU || d.Flags&FNoCommonLRU != 0):
		return fmt.Errorf("flag BPF_F_NUMA_NODE is not for memory of each processor")
	case d.KeySize == 0 || d.ValueSize == 0:
		return fmt.Errorf("key size is %d and value size %d, neither may be 0", d.KeySize, d.ValueSize)
	case uint64(d.KeySize)+uint64(d.ValueSize) >= maxHashElem:
		return fmt.Errorf("key size is %d and value size %d, together they must be less than %d", d.KeySize, d.ValueSize, maxHashElem)
	case perCPU && d.ValueSize > maxPerCPUValue:
		return fmt.Errorf("value size is %d, must be at most %d", d.ValueSize, maxPerCPUValue)
	case d.MaxEntries == 0 || d.MaxEntries > maxHashEntries:
		return fmt.Errorf("max_entries is %d, must be between 1 and %d", d.MaxEntries, maxHashEntries)
	}
	return checkAccess(d.Flags)
}

// hashElem is the size of an element: the key, and behind it the value, or that of each processor.
func hashElem(d *bpf.Map, cpus int) uint64 {
	values := uint64(1)
	if isPerCPUHash(d) {
		values = uint64(cpus)
	}
	return hashKey(d) + d.Stride()*values
}

func hashKey(d *bpf.Map) uint64 { return (uint64(d.KeySize) + 7) &^ 7 }

// hashEntries is max_entries: where each processor has a share, a multiple of their number.
func hashEntries(d *bpf.Map, cpus int) uint32 {
	n := uint32(cpus)
	if d.Flags&FNoCommonLRU == 0 || d.MaxEntries%n == 0 {
		return d.MaxEntries
	}
	return d.MaxEntries + n - d.MaxEntries%n
}

func newHash(env *Env, _ int, d *bpf.Map) (Map, error) {
	d.MaxEntries = hashEntries(d, env.CPUs)
	h := &hash{def: d, env: env, perCPU: isPerCPUHash(d), cpus: uint64(env.CPUs), stride: d.Stride(), value: hashKey(d)}
	h.arena, h.rcu = env.Arena, env.RCU
	h.aged, h.sought = isLRU(d), d.Fields != nil
	h.sizes(hashElem(d, env.CPUs), d.MaxEntries)
	h.init(d.MaxEntries, newSeed(d.Flags))
	if isLRU(d) {
		lists := 1
		if d.Flags&FNoCommonLRU != 0 {
			lists = env.CPUs
		}
		h.lru = newLRU(d.MaxEntries, lists)
	}
	return h, nil
}

// Count returns how many elements there are.
func (h *hash) Count() int64 {
	if h.lru != nil {
		return h.lru.count()
	}
	return h.count.Load()
}

// Lookup is __htab_map_lookup_elem, for LRU hashes htab_lru_map_lookup_elem.
func (h *hash) Lookup(cpu uint32, key []byte) uint64 {
	p, ok := h.find(key)
	if !ok {
		return 0
	}
	if h.lru != nil && p.used.Load() == 0 {
		p.used.Store(1)
	}
	at := p.addr() + h.value
	if h.perCPU {
		at += uint64(cpu) * h.stride
	}
	return at
}

// Read leaves no trace that would keep an element of an LRU hash (htab_lru_map_lookup_elem_sys).
func (h *hash) Read(key, value []byte) error { return h.read(key, value, false) }

// ReadLocked is part of [LockedReader].
func (h *hash) ReadLocked(key, value []byte) error {
	if h.def.SpinLock() < 0 {
		return EINVAL
	}
	return h.read(key, value, true)
}

func (h *hash) read(key, value []byte, locked bool) error {
	r := h.env.RCU.Enter()
	defer h.env.RCU.Exit(r)
	for {
		p, ok := h.find(key)
		if !ok {
			return ENOENT
		}
		if err := h.copyOut(value, &p, locked); err != nil || !p.stale() {
			return err
		}
	}
}

// copyOut copies the value, or those of all processors with what rounds them up, as users see it.
func (h *hash) copyOut(value []byte, p *place, locked bool) error {
	defer runtime.KeepAlive(h)
	switch {
	case h.perCPU:
		for cpu := range h.cpus {
			src, dst := p.bytes(h.value+cpu*h.stride, h.stride), value[cpu*h.stride:(cpu+1)*h.stride]
			load(dst, src)
			bpf.ClearFields(h.def.Fields, dst)
		}
	case h.def.Fields != nil:
		return readFields(h.def, value, p.bytes(h.value, h.stride), locked)
	default:
		load(value, p.bytes(h.value, h.stride))
	}
	return nil
}

// everyCPU stands for the processor of a user, who writes the values of all.
const everyCPU = ^uint32(0)

// Update is htab_map_update_elem and its kin, for a guest.
func (h *hash) Update(cpu uint32, key, value []byte, flags uint64) error {
	return h.update(cpu, key, value, flags)
}

// Write is bpf_percpu_hash_update in a per-CPU map, and Update in the others.
func (h *hash) Write(key, value []byte, flags uint64) error {
	if flags&FLock != 0 { // a value is found without a lock, and written in place
		r := h.env.RCU.Enter()
		defer h.env.RCU.Exit(r)
	}
	return h.update(everyCPU, key, value, flags)
}

func (h *hash) update(cpu uint32, key, value []byte, flags uint64) error {
	switch {
	case flags&^FLock > Exist || flags > Exist && (h.perCPU || h.lru != nil):
		return EINVAL
	case flags&FLock != 0 && h.def.SpinLock() < 0:
		return EINVAL
	}
	defer runtime.KeepAlive(h)
	sum := h.sum(key)
	for {
		if flags&FLock != 0 {
			if p, ok := h.find(key); ok {
				if flags&NoExist != 0 {
					return EEXIST
				}
				return writeFields(h.def, p.bytes(h.value, h.stride), value, flags)
			}
		}
		err := h.put(cpu, sum, key, value, flags)
		if err != errAgain {
			return err
		}
	}
}

// errAgain says that what was there has changed.
const errAgain = Errno(-1)

// put changes a chain under its lock.
func (h *hash) put(cpu, sum uint32, key, value []byte, flags uint64) error {
	s := h.lock(sum)
	old, found := h.seek(sum, key)
	switch {
	case found && flags&NoExist != 0:
		s.Unlock()
		return EEXIST
	case !found && flags&Exist != 0:
		s.Unlock()
		return ENOENT
	case found && flags&FLock != 0: // put in since update looked for it
		s.Unlock()
		return errAgain
	case found && h.perCPU:
		h.overwrite(&old, cpu, value)
		h.release(&old, cpu)
		if h.lru != nil {
			old.used.Store(1)
		}
		s.Unlock()
		return nil
	case !found && !h.reserve(cpu, sum):
		s.Unlock()
		if h.lru == nil {
			return E2BIG
		}
		h.evict(h.list(cpu, sum))
		return errAgain
	}
	p, err := h.get()
	if err != nil {
		if !found {
			h.unreserve(cpu, sum)
		}
		s.Unlock()
		if h.lru != nil && h.evict(h.list(cpu, sum)) {
			return errAgain // in the place of an old one
		}
		return err
	}
	h.fill(&p, cpu, key, value)
	h.link(p, sum)
	if h.lru != nil {
		h.enter(&p, &old, found, h.list(cpu, sum))
	}
	if !found {
		s.Unlock()
		return nil
	}
	h.unlink(old.number, sum)
	h.discard(&old, s)
	return nil
}

// discard ends an element that was unlinked, and gives back the chain's lock.
func (h *hash) discard(p *place, s *stripe) {
	if h.env.Release == nil || !h.def.Owns() {
		h.retire(p.number)
		s.Unlock()
		return
	}
	s.Unlock()
	h.release(p, everyCPU)
	h.retire(p.number)
}

// release ends what the value of a processor holds, or what all values of an element do.
func (h *hash) release(p *place, cpu uint32) {
	if h.env.Release == nil || !h.def.Owns() {
		return
	}
	values := h.cpus
	if !h.perCPU {
		values = 1
	}
	for i := range values {
		if cpu == everyCPU || uint64(cpu) == i {
			h.env.Release(h.def, p.addr()+h.value+i*h.stride)
		}
	}
}

// fill writes an element that is not linked.
func (h *hash) fill(p *place, cpu uint32, key, value []byte) {
	p.used.Store(0)
	p.setKey(key)
	v := p.bytes(h.value, h.size-h.value)
	switch {
	case h.perCPU:
		clear(v) // pcpu_init_value: the other processors begin with zeros
		h.overwrite(p, cpu, value)
	case h.def.Fields != nil:
		clear(v)
		bpf.CopyFields(h.def.Fields, v, value)
	default:
		store(v, value)
	}
}

// overwrite writes the values of all processors, or of one, in their place (pcpu_copy_value).
func (h *hash) overwrite(p *place, cpu uint32, value []byte) {
	if cpu != everyCPU {
		h.overwriteOne(p.bytes(h.value+uint64(cpu)*h.stride, h.stride), value)
		return
	}
	for cpu := range h.cpus {
		h.overwriteOne(p.bytes(h.value+cpu*h.stride, h.stride), value[cpu*h.stride:(cpu+1)*h.stride])
	}
}

func (h *hash) overwriteOne(dst, value []byte) {
	if h.def.Fields != nil {
		bpf.CopyFields(h.def.Fields, dst, value)
		return
	}
	store(dst, value)
}

// reserve counts an element that is to be added; false: the map is full.
func (h *hash) reserve(cpu, sum uint32) bool {
	if h.lru != nil {
		return h.lru.reserve(h.list(cpu, sum))
	}
	for {
		n := h.count.Load()
		if n >= int64(h.def.MaxEntries) {
			return false
		}
		if h.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (h *hash) unreserve(cpu, sum uint32) {
	if h.lru != nil {
		h.lru.unreserve(h.list(cpu, sum))
	} else {
		h.count.Add(-1)
	}
}

// list is which list of the LRU a new element goes to. Users have no processor: their elements are dealt to all.
func (h *hash) list(cpu, sum uint32) uint32 {
	if cpu == everyCPU {
		cpu = sum >> 8
	}
	return cpu % uint32(len(h.lru.lists))
}

// enter gives a linked element of an LRU hash its age. One that takes another's place counts as
// looked up, as in Linux.
func (h *hash) enter(p, old *place, replaces bool, list uint32) {
	if replaces {
		p.used.Store(1)
		h.lru.replace(&h.elements, old.number, p.number)
	} else {
		h.lru.add(&h.elements, p.number, list)
	}
}

// evict makes room in an LRU hash; false: there is nothing that could go. No lock is held.
func (h *hash) evict(list uint32) bool {
	p, ok := h.lru.victim(&h.elements, list)
	if !ok {
		runtime.Gosched() // others may be at it
		return false
	}
	sum := uint32(p.link.Load())
	s := h.lock(sum)
	if p.stale() || !h.unlink(p.number, sum) { // deleted meanwhile
		s.Unlock()
		return true
	}
	h.lru.unreserve(list)
	h.discard(&p, s)
	return true
}

// remove unlinks a key and hands over the element and its chain's lock.
func (h *hash) remove(key []byte) (p place, s *stripe, err error) {
	sum := h.sum(key)
	s = h.lock(sum)
	p, ok := h.seek(sum, key)
	if !ok {
		s.Unlock()
		return p, nil, ENOENT
	}
	h.unlinkAt(&p, sum)
	return p, s, nil
}

func (h *hash) unlinkAt(p *place, sum uint32) {
	h.unlink(p.number, sum)
	if h.lru != nil {
		h.lru.remove(&h.elements, p.number)
	} else {
		h.count.Add(-1)
	}
}

// Delete is htab_map_delete_elem.
func (h *hash) Delete(key []byte) error {
	p, s, err := h.remove(key)
	if err == nil {
		h.discard(&p, s)
	}
	return err
}

// Take is __htab_map_lookup_and_delete_elem.
func (h *hash) Take(key, value []byte, flags uint64) error {
	if flags&^FLock != 0 || flags != 0 && h.def.SpinLock() < 0 {
		return EINVAL
	}
	p, s, err := h.remove(key)
	if err != nil {
		return err
	}
	err = h.copyOut(value, &p, flags != 0)
	h.discard(&p, s)
	return err
}

// Holds is part of [Holder].
func (h *hash) Holds(addr uint64, key []byte) uint64 {
	p, off, ok := h.holding(addr)
	if !ok || off < h.value {
		return 0
	}
	copy(key, p.bytes(0, uint64(h.def.KeySize)))
	return p.addr() + h.value + (off-h.value)/h.stride*h.stride
}
