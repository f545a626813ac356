package maps

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Stack traces: those that a program kept, by their hash (kernel/bpf/stackmap.c). They are not in
// guest memory, as no guest can look one up.
var stackTraceKind = Kind{
	Type:   ebpf.StackTrace,
	Check:  checkStackTrace,
	Memory: func(*bpf.Map, int) Need { return Need{} },
	New:    newStackTrace,
}

const (
	fStackBuildID   = 1 << 5 // BPF_F_STACK_BUILD_ID
	maxStackDepth   = 127    // kernel.perf_event_max_stack
	maxStackTraces  = 1 << 24
	BuildIDSize     = 32 // struct bpf_stack_build_id
	buildIDOnlyAddr = 2  // BPF_STACK_BUILD_ID_IP
)

// checkStackTrace is stack_map_alloc.
func checkStackTrace(d *bpf.Map) error {
	const allowed = FNumaNode | FRdonly | FWronly | fStackBuildID
	frame := frameSize(d)
	switch {
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(allowed))
	case d.MaxEntries == 0 || d.MaxEntries > maxStackTraces:
		return fmt.Errorf("max_entries is %d, must be between 1 and %d", d.MaxEntries, maxStackTraces)
	case d.KeySize != 4:
		return fmt.Errorf("key size is %d, must be 4", d.KeySize)
	case d.ValueSize == 0 || d.ValueSize%frame != 0 || d.ValueSize/frame > maxStackDepth:
		return fmt.Errorf("value size is %d, must be a multiple of %d and at most %d", d.ValueSize, frame, frame*maxStackDepth)
	}
	return nil
}

func frameSize(d *bpf.Map) uint32 {
	if d.Flags&fStackBuildID != 0 {
		return BuildIDSize
	}
	return 8
}

// StackTrace is a map of kind StackTrace.
type StackTrace struct {
	def *bpf.Map

	mu     sync.Mutex
	traces []*trace // by hash
}

type trace struct {
	hash   uint32
	frames []byte
}

func newStackTrace(_ *Env, _ int, d *bpf.Map) (Map, error) {
	n := uint32(1) << bits.Len32(d.MaxEntries-1) // a power of two
	return &StackTrace{def: d, traces: make([]*trace, n)}, nil
}

// Flags of bpf_get_stackid and bpf_get_stack (linux/bpf.h).
const (
	StackSkip        = 0xff
	StackUser        = 1 << 8
	StackFastCompare = 1 << 9
	StackReuseID     = 1 << 10
	StackUserBuildID = 1 << 11
)

// AppendFrames adds addresses as a program gets them: as numbers, or as struct
// bpf_stack_build_id, of which nothing but the address is known.
func AppendFrames(b []byte, stack []uint64, buildID bool) []byte {
	for _, ip := range stack {
		if buildID {
			b = binary.LittleEndian.AppendUint32(b, buildIDOnlyAddr)
			b = append(b, make([]byte, 20)...)
		}
		b = binary.LittleEndian.AppendUint64(b, ip)
	}
	return b
}

// ID keeps a stack and returns its number (__bpf_get_stackid).
func (s *StackTrace) ID(stack []uint64, flags uint64) (uint32, error) {
	skip := int(flags & StackSkip)
	if len(stack) <= skip {
		return 0, EFAULT
	}
	frame := frameSize(s.def)
	stack = stack[skip:min(len(stack), skip+int(s.def.ValueSize/frame))]
	t := &trace{jhash(AppendFrames(nil, stack, false), 0), AppendFrames(nil, stack, frame == BuildIDSize)}
	id := t.hash & uint32(len(s.traces)-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.traces[id]
	switch {
	case old == nil:
	case old.hash == t.hash && (flags&StackFastCompare != 0 || slices.Equal(old.frames, t.frames)):
		return id, nil
	case flags&StackReuseID == 0:
		return 0, EEXIST
	}
	s.traces[id] = t
	return id, nil
}

// Read is bpf_stackmap_extract: what follows the frames is zeros.
func (s *StackTrace) Read(key, value []byte) error {
	id := binary.LittleEndian.Uint32(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if id >= uint32(len(s.traces)) || s.traces[id] == nil {
		return ENOENT
	}
	clear(value[copy(value, s.traces[id].frames):])
	return nil
}

// Delete is stack_map_delete_elem.
func (s *StackTrace) Delete(key []byte) error {
	id := binary.LittleEndian.Uint32(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case id >= uint32(len(s.traces)):
		return E2BIG
	case s.traces[id] == nil:
		return ENOENT
	}
	s.traces[id] = nil
	return nil
}

// NextKey is stack_map_get_next_key.
func (s *StackTrace) NextKey(key, next []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := 0
	if key != nil {
		if id := binary.LittleEndian.Uint32(key); id < uint32(len(s.traces)) && s.traces[id] != nil {
			i = int(id) + 1
		}
	}
	for ; i < len(s.traces); i++ {
		if s.traces[i] != nil {
			binary.LittleEndian.PutUint32(next, uint32(i))
			return nil
		}
	}
	return ENOENT
}

// Lookup gives nothing: a guest cannot look up a stack.
func (s *StackTrace) Lookup(uint32, []byte) uint64 { return 0 }

// Update refuses.
func (s *StackTrace) Update(uint32, []byte, []byte, uint64) error { return EINVAL }

// Write refuses.
func (s *StackTrace) Write([]byte, []byte, uint64) error { return EINVAL }
