//go:build linux

package rivet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// The kernel of the machine says what is right in this file.

func inKernel(t *testing.T) *ebpf.Collection {
	t.Helper()
	testenv.NeedBPF(t)
	k, err := ebpf.NewCollection(spec(t, "kernel"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// outMap returns what the program wrote about what it saw.
func outMap(t *testing.T, lookup func(key, value any) error) (vals [64]uint64) {
	t.Helper()
	for i := range vals {
		if err := lookup(uint32(i), &vals[i]); err != nil {
			t.Fatal(err)
		}
	}
	return vals
}

func TestContextsAsInKernel(t *testing.T) {
	k := inKernel(t)
	given := make([]byte, 192)
	for off, v := range map[int]uint32{8: 100, 32: 3, 48: 11, 52: 12, 56: 13, 60: 14, 64: 15, 164: 2, 176: 600} {
		binary.LittleEndian.PutUint32(given[off:], v)
	}
	meta := binary.LittleEndian.AppendUint32(nil, 8)
	meta = append(binary.LittleEndian.AppendUint32(meta, 64), make([]byte, 16)...)
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "kernel"), opts)
		for _, test := range []struct {
			name, prog string
			data, ctx  []byte
		}{
			{"IPv4", "skb_fields", frame(0, 0x0800, 50), nil},
			{"IPv6", "skb_fields", frame(2, 0x86dd, 66), nil},
			{"broadcast", "skb_fields", frame(0xff, 0x0806, 50), nil},
			{"multicast", "skb_fields", frame(1, 0x8100, 50), nil},
			{"802.3", "skb_fields", frame(0, 50, 50), nil},
			{"802.2", "skb_fields", append(frame(0, 50, 0), bytes.Repeat([]byte{1}, 50)...), nil},
			{"given", "skb_fields", frame(0, 0x0800, 50), given},
			{"XDP", "xdp_fields", frame(0, 0x0800, 50), nil},
			{"XDP metadata", "xdp_fields", frame(0, 0x0800, 50), meta},
		} {
			ko := &ebpf.RunOptions{Data: test.data, DataOut: make([]byte, 300)}
			ro := &rivet.RunOptions{Data: test.data, DataOut: make([]byte, 300)}
			if test.ctx != nil {
				ko.Context, ko.ContextOut = test.ctx, make([]byte, len(test.ctx))
				ro.Context, ro.ContextOut = test.ctx, make([]byte, len(test.ctx))
			}
			kret, err := k.Programs[test.prog].Run(ko)
			if err != nil {
				t.Errorf("%s: kernel: %v", test.name, err)
				continue
			}
			ret := run(t, c, test.prog, ro)
			if ret != kret || !bytes.Equal(ro.DataOut, ko.DataOut) {
				t.Errorf("%s: %d, % x; kernel: %d, % x", test.name, ret, ro.DataOut, kret, ko.DataOut)
			}
			ours, theirs := outMap(t, c.Maps["out"].Lookup), outMap(t, k.Maps["out"].Lookup)
			for i := range ours {
				if ours[i] != theirs[i] && !deviates(test.name, i, test.ctx) {
					t.Errorf("%s: value %d is %#x, in the kernel %#x", test.name, i, ours[i], theirs[i])
				}
			}
			if test.ctx != nil {
				compareContexts(t, test.name, ro.ContextOut.([]byte), ko.ContextOut.([]byte))
			}
		}
	})
}

// deviates says where BPF_PROG_TEST_RUN differs from what tc programs see in
// life, which is what rivet gives: pkt_type of a broadcast frame (the loopback
// device has no broadcast address), and wire_len without a context.
func deviates(name string, value int, ctx []byte) bool {
	return name == "broadcast" && value == 1 || value == 23 && ctx == nil
}

// compareContexts compares what the kernel gives back; it leaves most fields as the caller had them, or 0.
func compareContexts(t *testing.T, name string, ours, theirs []byte) {
	t.Helper()
	for off := 0; off < len(ours); off += 4 {
		a, b := binary.LittleEndian.Uint32(ours[off:]), binary.LittleEndian.Uint32(theirs[off:])
		if a != b && b != 0 {
			t.Errorf("%s: context at %d is %#x afterwards, in the kernel %#x", name, off, a, b)
		}
	}
}

func TestMapErrorsAsInKernel(t *testing.T) {
	k := inKernel(t)
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "kernel"), opts)
		for i := range byte(5 * 9) {
			packet := frame(0, 0x0800, 50)
			packet[0], packet[1] = i%5, i/5
			kret, _, err := k.Programs["errors"].Test(packet)
			if err != nil {
				t.Fatal(err)
			}
			if ret := run(t, c, "errors", &rivet.RunOptions{Data: packet}); ret != kret {
				t.Errorf("returned %d, in the kernel %d", ret, kret)
			}
			ours, theirs := outMap(t, c.Maps["out"].Lookup), outMap(t, k.Maps["out"].Lookup)
			if ours != theirs {
				t.Errorf("key %d, flags %d: results are %x, in the kernel %x", i%5, i/5, ours[:3], theirs[:3])
			}
		}
		var a, b [5]byte
		if err := errors.Join(c.Maps["small"].Lookup(uint32(2), &a), k.Maps["small"].Lookup(uint32(2), &b)); err != nil || a != b {
			t.Errorf("value is %v, in the kernel %v; %v", a, b, err)
		}
	})
}

// sentinels are what callers test errors for.
var sentinels = []error{ebpf.ErrKeyExist, ebpf.ErrKeyNotExist, syscall.E2BIG, syscall.EINVAL, syscall.EPERM, syscall.ENOENT, syscall.EEXIST}

func kinds(err error) (s string) {
	if err == nil {
		return "nil"
	}
	for _, e := range sentinels {
		if errors.Is(err, e) {
			s += fmt.Sprintf("[%v]", e)
		}
	}
	return s
}

// User space sees the same errors: array and program array, all operations.
func TestMapAPIAsInKernel(t *testing.T) {
	testenv.NeedBPF(t)
	maps := map[string]*ebpf.MapSpec{
		"array": {Name: "array", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 3},
		"progs": {Name: "progs", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 3},
		"ro":    {Name: "ro", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 3, Flags: 1 << 3},
		"wo":    {Name: "wo", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 3, Flags: 1 << 4},
	}
	s := &ebpf.CollectionSpec{Maps: maps, Programs: map[string]*ebpf.ProgramSpec{
		"p": {Name: "p", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}}}}
	k, err := ebpf.NewCollection(s.Copy())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	c := load(t, s, rivet.CollectionOptions{})
	for name := range maps {
		var kv, rv any = uint64(7), uint64(7)
		if name == "progs" {
			kv, rv = k.Programs["p"], c.Programs["p"]
		}
		km, rm := k.Maps[name], c.Maps[name]
		same := func(what string, ours, theirs error) {
			t.Helper()
			if a, b := kinds(ours), kinds(theirs); a != b {
				t.Errorf("%s: %s: %s (%v), in the kernel %s (%v)", name, what, a, ours, b, theirs)
			}
		}
		for key := range uint32(5) {
			for flags := range ebpf.MapUpdateFlags(9) {
				same(fmt.Sprintf("update %d flags %d", key, flags), rm.Update(key, rv, flags), km.Update(key, kv, flags))
			}
			var a, b, kn, rn = make([]byte, rm.ValueSize()), make([]byte, rm.ValueSize()), uint32(0), uint32(0)
			same(fmt.Sprintf("lookup %d", key), rm.Lookup(key, a), km.Lookup(key, b))
			same(fmt.Sprintf("next after %d", key), rm.NextKey(key, &rn), km.NextKey(key, &kn))
			if rn != kn {
				t.Errorf("%s: key after %d is %d, in the kernel %d", name, key, rn, kn)
			}
			for range 2 {
				same(fmt.Sprintf("delete %d", key), rm.Delete(key), km.Delete(key))
			}
		}
		same("freeze", rm.Freeze(), km.Freeze())
		same("update frozen", rm.Put(uint32(0), rv), km.Put(uint32(0), kv))
		same("delete frozen", rm.Delete(uint32(0)), km.Delete(uint32(0)))
	}
}
