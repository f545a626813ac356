//go:build linux

package kerneltest

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// Sizes at the bounds that Linux has, and hostile ones. Where much memory would be taken in advance the number
// of entries is 1.
var (
	definedKinds = []ebpf.MapType{ebpf.Array, ebpf.PerCPUArray, ebpf.Hash, ebpf.PerCPUHash, ebpf.LRUHash, ebpf.LRUCPUHash}
	definedSizes = []struct{ key, value, entries uint32 }{
		{4, 8, 1}, {4, 8, 1000}, {4, 1, 3}, {1, 1, 1}, {3, 5, 7}, {8, 8, 8}, {4, 8, 0}, {0, 8, 1}, {4, 0, 1}, {0, 0, 0},
		{4, 32 << 10, 1}, {4, 32<<10 + 1, 1}, {4, 32<<10 - 7, 1}, {4, 1 << 20, 1}, {512, 8, 1}, {4 << 10, 8, 1},
		{4, 4<<20 - 53, 1}, {4, 4<<20 - 52, 1}, {4<<20 - 57, 8, 1}, {4<<20 - 56, 8, 1}, {4, 4 << 20, 1},
		{4, math.MaxInt32 + 1, 1}, {4, math.MaxUint32, 1}, {math.MaxUint32, 4, 1}, {math.MaxUint32, math.MaxUint32, math.MaxUint32},
		{1 << 31, 1 << 31, 1},
	}
	// unallocated are for kinds that take no memory in advance.
	unallocated = []struct{ key, value, entries uint32 }{
		{4, 8, 1<<27 + 1}, {4, 8, 1<<28 - 1}, {4, 8, 1 << 31}, {4, 8, 1<<31 + 1}, {4, 8, math.MaxUint32},
	}
)

// Maps of every size, and with every flag, are let in or refused as Linux does.
func TestKernelMapDefinitions(t *testing.T) {
	testenv.NeedBPF(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	n := defined{t: t}
	for _, typ := range definedKinds {
		for _, size := range definedSizes {
			for _, flags := range []uint32{0, 1} {
				n.define(&ebpf.MapSpec{Name: "m", Type: typ, KeySize: size.key, ValueSize: size.value, MaxEntries: size.entries, Flags: flags})
			}
		}
		for bit := range 32 {
			n.define(&ebpf.MapSpec{Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 4, Flags: 1 << bit})
			n.define(&ebpf.MapSpec{Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 4, Flags: 1<<bit | 1})
			n.define(&ebpf.MapSpec{Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 4, Flags: 1<<bit | 2})
			n.define(&ebpf.MapSpec{Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 4, Flags: 1<<bit | 1<<7})
		}
	}
	for _, size := range unallocated {
		n.define(&ebpf.MapSpec{Name: "m", Type: ebpf.Hash, KeySize: size.key, ValueSize: size.value, MaxEntries: size.entries, Flags: 1})
	}
	t.Logf("%d definitions compared, %d of them good ones", n.good+n.bad, n.good)
	if n.good < 100 || n.bad < 100 {
		t.Error("there are to be many good and many bad definitions")
	}
}

type defined struct {
	t         *testing.T
	good, bad int
}

// define makes a map on both sides.
func (d *defined) define(spec *ebpf.MapSpec) {
	d.t.Helper()
	m, err := ebpf.NewMap(spec.Copy())
	if err == nil {
		m.Close()
	}
	if errors.Is(err, syscall.ENOMEM) {
		return // the machine's memory is no rule
	}
	c, rerr := rivet.NewCollection(&ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"m": spec}, Programs: map[string]*ebpf.ProgramSpec{}})
	if rerr == nil {
		c.Close()
	}
	if (err == nil) != (rerr == nil) {
		d.t.Errorf("%s: Linux: %v; rivet: %v", fmt.Sprintf("%v, key %d, value %d, entries %d, flags %#x", spec.Type, spec.KeySize, spec.ValueSize,
			spec.MaxEntries, spec.Flags), err, rerr)
	}
	if err == nil {
		d.good++
	} else {
		d.bad++
	}
}
