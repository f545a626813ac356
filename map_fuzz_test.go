package rivet_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// hostileMemory bounds what a hostile definition can take.
const hostileMemory = 1 << 20

// Whatever a definition says, and whatever keys, values and flags users come with: the map is refused, or each
// call gives a value or an error number, and guest memory stays within its bound.
func FuzzMaps(f *testing.F) {
	for typ := range uint32(34) {
		f.Add(typ, uint32(4), uint32(8), uint32(10), uint32(0), []byte{0, 1, 2, 3, 4, 5, 6, 7, 64, 129, 200, 255})
		f.Add(typ, uint32(0), uint32(8), uint32(1<<12), uint32(1), []byte{0, 16, 32, 48, 8, 24})
	}
	f.Add(uint32(1), uint32(1<<31), uint32(1<<31), uint32(1<<31), uint32(0), []byte{1})
	f.Add(uint32(9), uint32(3), uint32(5), uint32(1<<27), uint32(2), []byte{0, 8, 16, 24, 32, 40, 1, 9, 17, 25})
	f.Add(uint32(5), uint32(1), uint32(32<<10), uint32(1<<20), uint32(1), []byte{0, 8, 16, 24, 32, 40, 1, 9, 17, 25})
	f.Fuzz(func(t *testing.T, typ, key, value, entries, flags uint32, ops []byte) {
		c, err := rivet.NewCollectionWithOptions(&ebpf.CollectionSpec{
			Maps:     map[string]*ebpf.MapSpec{"m": {Name: "m", Type: ebpf.MapType(typ), KeySize: key, ValueSize: value, MaxEntries: entries, Flags: flags}},
			Programs: map[string]*ebpf.ProgramSpec{},
		}, rivet.CollectionOptions{CPUs: 2, MaxMemory: hostileMemory, MaxRuns: 1, PacketMemory: 1 << 12})
		if err != nil {
			return
		}
		defer c.Close()
		m := c.Maps["m"]
		if key > hostileMemory || value > hostileMemory || entries > 1<<16 {
			return // rivet has it, but what this test does with it would take long
		}
		for i, op := range ops[:min(len(ops), 64)] {
			if err := hostile(m, op, byte(i)); err != nil && !known(err) {
				t.Errorf("%v, key %d, value %d, entries %d, flags %#x, operation %d: %v", m.Type(), key, value, entries, flags, op, err)
			}
		}
	})
}

// hostile does one thing with a map.
func hostile(m *rivet.Map, op, n byte) error {
	key := make([]byte, m.KeySize())
	if len(key) > 0 {
		key[0] = op >> 4 & 3
	}
	var value any = make([]byte, m.ValueSize())
	switch m.Type() {
	case ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash:
		value = [][]byte{make([]byte, m.ValueSize())}
	}
	switch op & 7 {
	case 0:
		return m.Update(key, value, ebpf.MapUpdateFlags(n))
	case 1:
		return m.Update(key, value, ebpf.UpdateAny)
	case 2:
		return m.Delete(key)
	case 3:
		_, err := m.LookupBytes(key)
		return err
	case 4:
		_, err := m.NextKeyBytes(key)
		return err
	case 5:
		var out []byte
		var outs [][]byte
		if _, ok := value.([][]byte); ok {
			return m.LookupAndDelete(key, &outs)
		}
		return m.LookupAndDelete(key, &out)
	case 6:
		_, err := m.Dump()
		return err
	}
	return m.Update(key, value, ebpf.MapUpdateFlags(binary.LittleEndian.Uint64([]byte{n, op, n, op, n, op, n, op})))
}

// known reports whether an error is one of those that Linux gives, or says that a value is of a wrong form.
func known(err error) bool {
	var n syscall.Errno
	return errors.As(err, &n) || errors.Is(err, rivet.ErrNotSupported) || errors.Is(err, ebpf.ErrKeyNotExist) || errors.Is(err, ebpf.ErrKeyExist) ||
		strings.Contains(err.Error(), "marshal") || strings.Contains(err.Error(), "takes a")
}
