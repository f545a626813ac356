package maps

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// Queue and stack: values without keys, which go in and out in order (kernel/bpf/queue_stack_maps.c).
var (
	queueKind = Kind{Type: ebpf.Queue, Check: checkQueue, Memory: queueMemory, New: newQueue}
	stackKind = Kind{Type: ebpf.Stack, Check: checkQueue, Memory: queueMemory, New: newQueue}
)

// Pusher is a map of values without keys.
type Pusher interface {
	// Push puts a value in; flags may be BPF_EXIST, which drops the oldest of a full map.
	Push(value []byte, flags uint64) error
	// Pop copies the value whose turn it is and takes it out.
	Pop(value []byte) error
	// Peek is Pop that leaves it there. A bloom filter instead says whether value may be in it.
	Peek(value []byte) error
}

// maxKmalloc is KMALLOC_MAX_SIZE.
const maxKmalloc = 4 << 20

// checkQueue is queue_stack_map_alloc_check.
func checkQueue(d *bpf.Map) error {
	const allowed = FNumaNode | accessMask
	switch {
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	case d.KeySize != 0:
		return fmt.Errorf("key size is %d, must be 0: there are no keys", d.KeySize)
	case d.ValueSize == 0 || d.ValueSize > maxKmalloc:
		return fmt.Errorf("value size is %d, must be between 1 and %d", d.ValueSize, maxKmalloc)
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(allowed))
	}
	return checkAccess(d.Flags)
}

func queueMemory(d *bpf.Map, _ int) Need {
	return Need{Fixed: uint64(d.ValueSize) * uint64(d.MaxEntries)}
}

// queue is a map of one of these kinds: a ring in the arena, where guests do not look for it.
type queue struct {
	arena *arena.Arena
	mem   []byte
	size  uint64 // of a value
	room  uint64 // values that fit
	stack bool

	mu     sync.Mutex
	oldest uint64
	count  uint64
}

func newQueue(env *Env, _ int, d *bpf.Map) (Map, error) {
	need := queueMemory(d, 0).Fixed
	addr, err := env.Arena.Alloc(need)
	if err != nil {
		return nil, err
	}
	mem, ok := env.Arena.Bytes(addr, need)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	return &queue{arena: env.Arena, mem: mem, size: uint64(d.ValueSize), room: uint64(d.MaxEntries), stack: d.Type == uint32(ebpf.Stack)}, nil
}

// at returns the value that is number i, the oldest being 0.
func (q *queue) at(i uint64) []byte {
	i = (q.oldest + i) % q.room
	return q.mem[i*q.size : (i+1)*q.size]
}

// Push is queue_stack_map_push_elem.
func (q *queue) Push(value []byte, flags uint64) error {
	if flags != Any && flags != Exist {
		return EINVAL
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == q.room {
		if flags != Exist {
			return E2BIG
		}
		q.oldest = (q.oldest + 1) % q.room
		q.count--
	}
	copy(q.at(q.count), value)
	q.count++
	runtime.KeepAlive(q.arena)
	return nil
}

// get is __queue_map_get and __stack_map_get.
func (q *queue) get(value []byte, remove bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == 0 {
		clear(value)
		return ENOENT
	}
	if q.stack {
		copy(value, q.at(q.count-1))
	} else {
		copy(value, q.at(0))
	}
	runtime.KeepAlive(q.arena)
	if remove {
		q.count--
		if !q.stack {
			q.oldest = (q.oldest + 1) % q.room
		}
	}
	return nil
}

func (q *queue) Pop(value []byte) error  { return q.get(value, true) }
func (q *queue) Peek(value []byte) error { return q.get(value, false) }

// Read is Peek: there is no key.
func (q *queue) Read(_, value []byte) error { return q.get(value, false) }

// Write is Push.
func (q *queue) Write(_, value []byte, flags uint64) error { return q.Push(value, flags) }

// Take is Pop.
func (q *queue) Take(_, value []byte, _ uint64) error { return q.get(value, true) }

func (q *queue) Lookup(uint32, []byte) uint64                { return 0 }
func (q *queue) Update(uint32, []byte, []byte, uint64) error { return EINVAL }
func (q *queue) Delete([]byte) error                         { return EINVAL }
func (q *queue) NextKey([]byte, []byte) error                { return EINVAL }
