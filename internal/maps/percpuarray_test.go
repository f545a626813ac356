package maps

import (
	"bytes"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Each processor has values of its own; users see all of them, rounded up to 8 bytes.
func TestPerCPUArrayValues(t *testing.T) {
	for _, size := range []uint32{1, 4, 8, 12, 64, 100} {
		m, a, _ := make1(t, &bpf.Map{Name: "m", Type: bpf.MapTypePerCPUArray, KeySize: 4, ValueSize: size, MaxEntries: 3})
		stride := int(m.Def.Stride())
		if m.UserSize() != 2*stride {
			t.Fatalf("size %d: users see %d bytes", size, m.UserSize())
		}
		for i := range uint32(3) {
			both := bytes.Repeat([]byte{byte(i + 1)}, 2*stride)
			if err := m.Write(key(i), both, Any); err != nil {
				t.Fatal(err)
			}
			for j := range size {
				both[stride+int(j)] = 0x80 + byte(i)
			}
			if err := m.Update(1, key(i), both[stride:stride+int(size)], Exist); err != nil {
				t.Fatal(err)
			}
			for cpu := range uint32(2) {
				at := m.Lookup(cpu, key(i))
				if want := m.Def.CPUValues + uint64(cpu)*m.Def.CPUSpan + uint64(i)*m.Def.Stride(); at != want {
					t.Errorf("value %d of processor %d lies at %#x, want %#x", i, cpu, at, want)
				}
				want := both[int(cpu)*stride:][:size]
				if got, ok := a.Bytes(at, uint64(size)); !ok || !bytes.Equal(got, want) {
					t.Errorf("size %d, processor %d: %x, want %x", size, cpu, got, want)
				}
			}
			got := make([]byte, 2*stride)
			if err := m.Read(key(i), got); err != nil || !bytes.Equal(got[:stride], both[:stride]) || !bytes.Equal(got[stride:][:size], both[stride:][:size]) {
				t.Errorf("size %d: users read %x, %v; want %x", size, got, err, both)
			}
		}
		if m.Lookup(0, key(3)) != 0 || m.Lookup(2, key(0)) != 0 {
			t.Error("a value beyond the array, or of a processor beyond the last, has an address")
		}
	}
}

// What only programs use is neither read nor overwritten, and what it holds ends with an update.
func TestPerCPUArrayFields(t *testing.T) {
	d := &bpf.Map{Name: "m", Type: bpf.MapTypePerCPUArray, KeySize: 4, ValueSize: 16, MaxEntries: 2}
	d.Fields = []bpf.Field{{Kind: bpf.Kptr, Offset: 8, Size: 8}}
	m, mem, _ := make1(t, d)
	var released []uint64
	m.Map.(*perCPUArray).env.Release = func(_ *bpf.Map, value uint64) { released = append(released, value) }
	at := m.Lookup(1, key(1))
	v, _ := mem.Bytes(at, 16)
	v[8] = 77
	all := bytes.Repeat([]byte{5}, 32)
	if err := m.Write(key(1), all, Any); err != nil || v[0] != 5 || v[8] != 77 || len(released) != 2 || released[1] != at {
		t.Errorf("%v, value %x, released %x", err, v, released)
	}
	if err := m.Update(1, key(1), all[:16], Any); err != nil || v[8] != 77 || len(released) != 3 || released[2] != at {
		t.Errorf("%v, value %x, released %x", err, v, released)
	}
	if err := m.Read(key(1), all); err != nil || all[16] != 5 || all[24] != 0 {
		t.Errorf("%v, read %x", err, all)
	}
}

func TestPerCPUArrayErrors(t *testing.T) {
	m, _, _ := make1(t, &bpf.Map{Name: "m", Type: bpf.MapTypePerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 3})
	value, both := make([]byte, 8), make([]byte, 16)
	for _, test := range []struct {
		key         uint32
		flags       uint64
		guest, user error
	}{{0, Any, nil, nil}, {0, Exist, nil, nil}, {3, Any, E2BIG, E2BIG}, {0, NoExist, EEXIST, EEXIST}, {3, NoExist, E2BIG, E2BIG},
		{0, 3, EINVAL, EINVAL}, {0, FLock, EINVAL, EINVAL}, {3, FLock, E2BIG, EINVAL}, {0, FLock | NoExist, EEXIST, EINVAL}, {0, 8, EINVAL, EINVAL}} {
		if err := m.Update(0, key(test.key), value, test.flags); err != test.guest {
			t.Errorf("guest's update of %d, flags %d: %v, want %v", test.key, test.flags, err, test.guest)
		}
		if err := m.Write(key(test.key), both, test.flags); err != test.user {
			t.Errorf("user's update of %d, flags %d: %v, want %v", test.key, test.flags, err, test.user)
		}
	}
	if err := m.Delete(key(0)); err != EINVAL {
		t.Errorf("delete: %v", err)
	}
	if err := m.Read(key(3), both); err != ENOENT {
		t.Errorf("read beyond: %v", err)
	}
}
