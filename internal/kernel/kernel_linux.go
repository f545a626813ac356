package kernel

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet/internal/btfjson"
)

// Collection is a collection in the kernel.
type Collection struct {
	*ebpf.Collection
	spec *ebpf.CollectionSpec
}

// Load loads a copy of spec. A program that is not let in gives a *Refused.
func Load(spec *ebpf.CollectionSpec) (*Collection, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, denied(fmt.Errorf("raise the limit on locked memory: %w", err))
	}
	spec = spec.Copy()
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, refused(err)
	}
	return &Collection{coll, spec}, nil
}

// refused finds the verifier's word in an error of package ebpf.
func refused(err error) error {
	var v *ebpf.VerifierError
	if !errors.As(err, &v) || len(v.Log) == 0 {
		return denied(err)
	}
	r := &Refused{Log: v.Log, Err: v.Cause}
	if before, _, ok := strings.Cut(err.Error(), ": "+v.Error()); ok {
		_, r.Program, _ = strings.Cut(before, "program ")
	}
	return r
}

// denied says who may do it, when that is what is wrong.
func denied(err error) error {
	if errors.Is(err, unix.EPERM) && unix.Geteuid() != 0 {
		return fmt.Errorf("%w (root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, may load programs)", err)
	}
	return err
}

// Run runs a program once on copies of packet and context.
func (c *Collection) Run(program string, in Input) (Result, error) {
	p := c.Programs[program]
	if p == nil {
		return Result{}, fmt.Errorf("no program %q", program)
	}
	opts := &ebpf.RunOptions{Data: in.Packet, Repeat: 1}
	if in.Packet != nil {
		opts.DataOut = make([]byte, len(in.Packet)+Headroom)
	}
	if in.Context != nil {
		opts.Context, opts.ContextOut = in.Context, make([]byte, len(in.Context))
	}
	switch p.Type() {
	case ebpf.RawTracepoint:
		opts.Repeat, opts.ContextOut = 0, nil // bpf_prog_test_run_raw_tp takes neither; programs cannot write its context
	case ebpf.Syscall:
		opts.Repeat = 0 // bpf_prog_test_run_syscall takes none
	}
	defer onCPU(in.CPU)()
	ret, err := p.Run(opts)
	if err != nil {
		return Result{}, runError(p, in, err)
	}
	res := Result{Ret: ret, Packet: opts.DataOut}
	if out, ok := opts.ContextOut.([]byte); ok {
		res.Context = out
	} else if in.Context != nil {
		res.Context = slices.Clone(in.Context)
	}
	return res, nil
}

// onCPU moves the goroutine's thread to a processor until it is told to move it back, so that
// per-CPU maps have their values where rivet's do.
func onCPU(cpu uint32) (back func()) {
	runtime.LockOSThread()
	var before, one unix.CPUSet
	one.Set(int(cpu))
	if unix.SchedGetaffinity(0, &before) != nil || unix.SchedSetaffinity(0, &one) != nil {
		return runtime.UnlockOSThread
	}
	return func() {
		if unix.SchedSetaffinity(0, &before) == nil {
			runtime.UnlockOSThread()
		} // else the thread ends with the goroutine
	}
}

// minPacket returns the length of the shortest packet like this one that
// BPF_PROG_TEST_RUN takes: an Ethernet header, and for programs that are given a
// struct __sk_buff the IP header that it announces.
func minPacket(t ebpf.ProgramType, packet []byte) int {
	if t != ebpf.XDP && len(packet) >= 14 {
		switch binary.BigEndian.Uint16(packet[12:]) {
		case unix.ETH_P_IP:
			return 14 + 20
		case unix.ETH_P_IPV6:
			return 14 + 40
		}
	}
	return 14
}

// runError adds what is known about an error of BPF_PROG_TEST_RUN.
func runError(p *ebpf.Program, in Input, err error) error {
	switch least := minPacket(p.Type(), in.Packet); {
	case errors.Is(err, unix.EINVAL) && len(in.Packet) < least && in.Context == nil:
		return fmt.Errorf("%w: the kernel runs %v programs on such packets from %d bytes on; this one has %d", err, p.Type(), least, len(in.Packet))
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%w: the kernel has no way to run a %v program by itself (BPF_PROG_TEST_RUN)", err, p.Type())
	}
	return denied(err)
}

// Set puts a program into a slot of a program array.
func (c *Collection) Set(array string, index uint32, program string) error {
	m, p := c.Maps[array], c.Programs[program]
	if m == nil || p == nil {
		return fmt.Errorf("no map %q or no program %q", array, program)
	}
	return m.Put(index, p)
}

// Release is the kernel's, such as 6.12.3.
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// entry is an entry of a map, as package rivet dumps it.
type entry struct {
	Key   json.RawMessage `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Dump returns the contents of a map as rivet's Map.DumpJSON does.
func (c *Collection) Dump(name string) (json.RawMessage, error) {
	m, spec := c.Maps[name], c.spec.Maps[name]
	if m == nil || spec == nil {
		return nil, fmt.Errorf("no map %q", name)
	}
	if ds, ok := spec.Value.(*btf.Datasec); ok && spec.MaxEntries == 1 {
		value, err := m.LookupBytes(uint32(0))
		if err != nil {
			return nil, fmt.Errorf("map %s: %w", name, err)
		}
		return btfjson.Append(nil, ds, value), nil
	}
	keys, err := sortedKeys(m)
	if errors.Is(err, ebpf.ErrNotSupported) || m.KeySize() == 0 { // users cannot look into it, or go through it
		return json.Marshal([]entry{})
	}
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	entries := []entry{}
	for _, key := range keys {
		value, err := m.LookupBytes(key)
		if errors.Is(err, ebpf.ErrNotSupported) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("map %s: %w", name, err)
		}
		zero := len(strings.Trim(string(value), "\x00")) == 0
		e := entry{Key: btfjson.Key(spec.Key, key)}
		switch t := m.Type(); {
		case value == nil || zero && (t == ebpf.Array || t == ebpf.PerCPUArray): // not there, or never written
			continue
		case t == ebpf.ProgramArray:
			e.Value = c.programName(value)
		case t == ebpf.ArrayOfMaps || t == ebpf.HashOfMaps:
			e.Value = c.mapName(value)
		case t == ebpf.PerCPUArray || t == ebpf.PerCPUHash || t == ebpf.LRUCPUHash:
			e.Value = btfjson.PerCPU(spec.Value, value, int(m.ValueSize()))
		default:
			e.Value = btfjson.Value(spec.Value, value)
		}
		entries = append(entries, e)
	}
	return json.Marshal(entries)
}

// sortedKeys returns the keys of a map in the order of rivet's.
func sortedKeys(m *ebpf.Map) (keys [][]byte, err error) {
	var cursor any
	for range m.MaxEntries() {
		key, err := m.NextKeyBytes(cursor)
		if err != nil {
			return nil, err
		}
		if key == nil {
			break
		}
		keys, cursor = append(keys, key), key
	}
	slices.SortFunc(keys, btfjson.CompareKeys)
	return keys, nil
}

// programName names the program whose number a slot holds.
func (c *Collection) programName(value []byte) json.RawMessage {
	for name, p := range c.Programs {
		if info, err := p.Info(); err == nil {
			if id, ok := info.ID(); ok && len(value) == 4 && uint32(id) == binary.NativeEndian.Uint32(value) {
				return btfjson.AppendString(nil, name)
			}
		}
	}
	return json.RawMessage("null")
}

// mapName names the map whose number an outer map holds.
func (c *Collection) mapName(value []byte) json.RawMessage {
	for name, m := range c.Maps {
		if info, err := m.Info(); err == nil {
			if id, ok := info.ID(); ok && len(value) == 4 && uint32(id) == binary.NativeEndian.Uint32(value) {
				return btfjson.AppendString(nil, name)
			}
		}
	}
	return json.RawMessage("null")
}
