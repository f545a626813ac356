package kerneltest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/kernel"
)

// Script is what is done with an object: on a kernel and on each engine, each time from the
// start. What a session shows of it must be the same.
type Script struct {
	Object  string // testdata/world/Object.o
	Name    string // where an object has several scripts
	Options rivet.CollectionOptions
	// Edit changes what is loaded, on every side.
	Edit func(*ebpf.CollectionSpec)
	Do   func(*Session)
	// Net are commands (of ip(8), without its name) that make a network namespace in which the kernel's side is done; nil:
	// that of the test. Rivet's side has it from Options.Host.
	Net []string
	// Alone says why no kernel can do this; engines are still compared with each other.
	Alone string
}

// Input is what a program is run on. Runs of XDP and skb programs need a packet of 14 bytes at least.
type Input struct {
	Packet  []byte
	Context []byte // nil: none; it is then not compared either
	CPU     uint32 // processor to run on
}

// Output is what a run gives.
type Output struct {
	Ret     uint32
	Packet  []byte
	Context []byte
	Err     error
}

// MapAPI is what maps of package rivet and of cilium/ebpf have in common.
type MapAPI interface {
	LookupBytes(key any) ([]byte, error)
	Lookup(key, valueOut any) error
	LookupAndDelete(key, valueOut any) error
	Update(key, value any, flags ebpf.MapUpdateFlags) error
	Delete(key any) error
	NextKeyBytes(key any) ([]byte, error)
	LookupWithFlags(key, valueOut any, flags ebpf.MapLookupFlags) error
	LookupAndDeleteWithFlags(key, valueOut any, flags ebpf.MapLookupFlags) error
	BatchUpdate(keys, values any, opts *ebpf.BatchOptions) (int, error)
	BatchDelete(keys any, opts *ebpf.BatchOptions) (int, error)
	Freeze() error
	Type() ebpf.MapType
	KeySize() uint32
	ValueSize() uint32
	MaxEntries() uint32
}

// World is one side of a comparison.
type World interface {
	run(program string, in Input) Output
	// Map returns a map; nil when there is none of that name.
	Map(name string) MapAPI
	// cursor begins a batch lookup, which goes on with each call.
	cursor(name string) batchLookup
	// Program returns what the side calls a program: to be put into a map.
	Program(name string) any
	maps() []string
	ringReader(m string) (RingEvents, error)
	ringWriter(m string) (RingWriter, error)
	perfReader(m string, size int, opts PerfOptions) (PerfEvents, error)
}

// Session does what a script says, on one side, and keeps a log of all that can be seen of it.
type Session struct {
	World
	// Kernel reports whether this is the kernel's side, for what the two must be asked in different ways.
	Kernel bool
	// Runs and Checks count runs of programs and lines of the log.
	Runs, Checks int

	log    []string
	hidden map[string]bool
}

// Logf adds a line that both sides must have.
func (s *Session) Logf(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
	s.Checks++
}

// Hide leaves maps out of what is compared, because their contents are not the same twice.
func (s *Session) Hide(maps ...string) {
	for _, m := range maps {
		s.hidden[m] = true
	}
}

// Run runs a program and logs return value, packet, context, and then all maps.
func (s *Session) Run(program string, in Input) Output {
	out := s.Quiet(program, in)
	s.Logf("run %s: %s", program, out)
	s.Dump()
	return out
}

// Quiet runs a program and logs nothing.
func (s *Session) Quiet(program string, in Input) Output {
	s.Runs++
	return s.run(program, in)
}

func (o Output) String() string {
	if o.Err != nil {
		return "error " + Errno(o.Err)
	}
	return fmt.Sprintf("returned %d (%#x), packet %x, context %x", int32(o.Ret), o.Ret, o.Packet, o.Context)
}

// Update changes a map and logs the error.
func (s *Session) Update(m string, key, value any, flags ebpf.MapUpdateFlags) {
	s.Logf("update %s[%v] = %v, flags %#x: %s", m, key, value, uint64(flags), Errno(s.Map(m).Update(key, value, flags)))
}

// Delete removes a key and logs the error.
func (s *Session) Delete(m string, key any) {
	s.Logf("delete %s[%v]: %s", m, key, Errno(s.Map(m).Delete(key)))
}

// Lookup logs the value at key: of a per-CPU map, those of all processors.
func (s *Session) Lookup(m string, key any) []byte {
	var value []byte
	var err error
	if perCPU(s.Map(m)) {
		if value, err = s.Map(m).LookupBytes(key); err != nil {
			value = nil
		}
	} else {
		err = s.Map(m).Lookup(key, &value)
	}
	s.Logf("lookup %s[%v]: %x %s", m, key, value, Errno(err))
	return value
}

// Pop logs the value at key, which it removes.
func (s *Session) Pop(m string, key any) {
	var value []byte
	var values [][]byte
	var err error
	if perCPU(s.Map(m)) {
		err = s.Map(m).LookupAndDelete(key, &values)
	} else {
		err = s.Map(m).LookupAndDelete(key, &value)
	}
	if err != nil {
		values = nil
	}
	s.Logf("pop %s[%v]: %x %x %s", m, key, value, values, Errno(err))
}

func perCPU(m MapAPI) bool {
	return slices.Contains([]ebpf.MapType{ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash}, m.Type())
}

// Dump logs the contents of every map that has keys, in the order of the keys.
func (s *Session) Dump() {
	names := s.maps()
	sort.Strings(names)
	for _, name := range names {
		if !s.hidden[name] && !strings.HasPrefix(name, ".rodata") {
			s.dump(name, s.Map(name))
		}
	}
}

// opaque are kinds of maps whose values users cannot read, or are not the same twice.
var opaque = []ebpf.MapType{ebpf.ProgramArray, ebpf.PerfEventArray, ebpf.RingBuf, ebpf.StackTrace, ebpf.Queue, ebpf.Stack, ebpf.ArrayOfMaps,
	ebpf.HashOfMaps, ebpf.CGroupArray, ebpf.TaskStorage, ebpf.SkStorage, ebpf.InodeStorage, ebpf.CgroupStorage, ebpf.SockMap, ebpf.SockHash,
	ebpf.XSKMap, ebpf.UserRingbuf, ebpf.Arena, ebpf.BloomFilter, ebpf.StructOpsMap, ebpf.ReusePortSockArray}

func (s *Session) dump(name string, m MapAPI) {
	if slices.Contains(opaque, m.Type()) {
		return
	}
	type entry struct{ key, value []byte }
	var all []entry
	var key []byte
	for range m.MaxEntries() {
		var cursor any
		if key != nil {
			cursor = key
		}
		next, err := m.NextKeyBytes(cursor)
		if err != nil {
			s.Logf("%s: next key: %s", name, Errno(err))
		}
		if next == nil || err != nil {
			break
		}
		value, err := m.LookupBytes(next)
		if err != nil {
			s.Logf("%s[%x]: %s", name, next, Errno(err))
			value = nil
		}
		if (m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray) && len(bytes.Trim(value, "\x00")) == 0 {
			value = nil
		}
		if value != nil {
			all = append(all, entry{next, value})
		}
		key = next
	}
	sort.Slice(all, func(i, j int) bool { return bytes.Compare(all[i].key, all[j].key) < 0 })
	for _, e := range all {
		s.Logf("%s[%x] = %x", name, e.key, e.value)
	}
}

// Errno names an error by its number, so that two sides' errors compare.
func Errno(err error) string {
	var n syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ebpf.ErrKeyNotExist):
		return "ENOENT"
	case errors.Is(err, ebpf.ErrKeyExist):
		return "EEXIST"
	case errors.Is(err, ebpf.ErrNotSupported):
		return "not supported"
	case errors.As(err, &n) && n == 524: // ENOTSUPP, which is the kernel's own
		return "not supported"
	case errors.As(err, &n):
		return n.Error()
	}
	return err.Error()
}

// rivetWorld is rivet's side.
type rivetWorld struct{ *rivet.Collection }

// NewSession begins a session on rivet's side.
func NewSession(c *rivet.Collection) *Session {
	return &Session{World: rivetWorld{c}, hidden: map[string]bool{}}
}

func (w rivetWorld) run(program string, in Input) (out Output) {
	p := w.Programs[program]
	if p == nil {
		return Output{Err: fmt.Errorf("no program %q", program)}
	}
	opts := &rivet.RunOptions{Data: in.Packet, CPU: in.CPU}
	if in.Packet != nil {
		opts.DataOut = make([]byte, len(in.Packet)+kernel.Headroom)
	}
	if in.Context != nil {
		opts.Context, opts.ContextOut = in.Context, make([]byte, len(in.Context))
	}
	out.Ret, out.Err = p.Run(opts)
	out.Packet = opts.DataOut
	if in.Context != nil {
		out.Context = asKernel(p.Type(), in.Context, opts.ContextOut.([]byte))
	}
	return out
}

func (w rivetWorld) Map(name string) MapAPI {
	if m := w.Maps[name]; m != nil {
		return m
	}
	return nil
}

func (w rivetWorld) cursor(name string) batchLookup {
	return cursorOf[rivet.MapBatchCursor](w.Maps[name])
}

func (w rivetWorld) Program(name string) any { return w.Programs[name] }

func (w rivetWorld) maps() (names []string) {
	for name := range w.Maps {
		names = append(names, name)
	}
	return names
}
