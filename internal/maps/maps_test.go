package maps

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/rcu"
)

func make1(t testing.TB, d *bpf.Map) (*Instance, *arena.Arena, *engine.Tables) {
	t.Helper()
	defs := []*bpf.Map{d}
	if err := Check(defs); err != nil {
		t.Fatal(err)
	}
	a, err := arena.New(Memory(defs, 2).Fixed + 64)
	if err != nil {
		t.Fatal(err)
	}
	tables := engine.NewTables(defs)
	set, err := New(&Env{Arena: a, Tables: tables, CPUs: 2, RCU: new(rcu.Domain)}, defs)
	if err != nil {
		t.Fatal(err)
	}
	return set[0], a, tables
}

func key(i uint32) []byte { return binary.LittleEndian.AppendUint32(nil, i) }

// Values of every size keep to themselves, whether they are moved in words or not.
func TestArrayValues(t *testing.T) {
	for _, size := range []uint32{1, 3, 4, 7, 8, 9, 16, 63, 64, 65, 100, 4096} {
		m, a, _ := make1(t, &bpf.Map{Name: "m", Type: 2, KeySize: 4, ValueSize: size, MaxEntries: 5})
		for i := range uint32(5) {
			value := make([]byte, size)
			for j := range value {
				value[j] = byte(int(i)*31 + j + 1)
			}
			if err := m.Write(key(i), value, Any); err != nil {
				t.Fatal(err)
			}
		}
		for i := range uint32(5) {
			got := make([]byte, size)
			if err := m.Read(key(i), got); err != nil {
				t.Fatal(err)
			}
			seen, ok := a.Bytes(m.Lookup(0, key(i)), uint64(size))
			for j := range got {
				if want := byte(int(i)*31 + j + 1); !ok || got[j] != want || seen[j] != want {
					t.Fatalf("size %d, value %d, byte %d is %d for users, %d for guests; want %d", size, i, j, got[j], seen[j], want)
				}
			}
		}
		if at := m.Lookup(0, key(3)); at != m.ValueAddr()+3*m.Def.Stride() || at%8 != 0 {
			t.Errorf("size %d: value 3 lies at %#x, the first at %#x", size, at, m.ValueAddr())
		}
		if at := m.Lookup(0, key(5)); at != 0 {
			t.Errorf("size %d: value 5 of 5 lies at %#x", size, at)
		}
	}
}

func TestNextKey(t *testing.T) {
	for _, typ := range []uint32{2, 3} {
		m, _, _ := make1(t, &bpf.Map{Name: "m", Type: typ, KeySize: 4, ValueSize: 4, MaxEntries: 3})
		next := make([]byte, 4)
		for _, test := range []struct {
			key  []byte
			want uint32
			err  error
		}{{nil, 0, nil}, {key(0), 1, nil}, {key(1), 2, nil}, {key(2), 0, ENOENT}, {key(3), 0, nil}, {key(1<<32 - 1), 0, nil}} {
			err := m.NextKey(test.key, next)
			if err != test.err || err == nil && binary.LittleEndian.Uint32(next) != test.want {
				t.Errorf("type %d: key after %v is %v, %v", typ, test.key, next, err)
			}
		}
	}
}

// What goes wrong is told all at once.
func TestCheck(t *testing.T) {
	err := Check([]*bpf.Map{
		{Name: "h", Type: 9998, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		{Name: "new", Type: 9999},
		{Name: "key", Type: 2, KeySize: 2, ValueSize: 4, MaxEntries: 1},
		{Name: "value", Type: 2, KeySize: 4, ValueSize: 0, MaxEntries: 1},
		{Name: "huge", Type: 2, KeySize: 4, ValueSize: 1 << 31, MaxEntries: 1},
		{Name: "none", Type: 2, KeySize: 4, ValueSize: 4},
		{Name: "flags", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: 1},
		{Name: "both", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: FRdonlyProg | FWronlyProg},
		{Name: "slots", Type: 3, KeySize: 4, ValueSize: 4, MaxEntries: 1 << 30},
		{Name: "progs", Type: 3, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		{Name: "good", Type: 3, KeySize: 4, ValueSize: 4, MaxEntries: 1},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"h" (MapType(9998)), "new" (MapType(9999))`, `"key" (Array): key size is 2`, `"value" (Array): value size`, `"huge"`, `"none"`,
		`"flags" (Array): unknown flags 0x1`, `"both"`, `"slots" (ProgramArray)`, `"progs" (ProgramArray): value size is 8`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %s:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "good") {
		t.Errorf("error names a good map: %v", err)
	}
}

func TestProgArray(t *testing.T) {
	m, _, tables := make1(t, &bpf.Map{Name: "jump", Type: 3, KeySize: 4, ValueSize: 4, MaxEntries: 2})
	p := m.Map.(*ProgArray)
	if err := p.Put(1, Entry{Prog: 4, Name: "a", Type: "XDP", Target: 0x4000}, Any); err != nil || tables.Slots[1] != 0x4000 {
		t.Errorf("slot holds %#x, %v", tables.Slots[1], err)
	}
	value := make([]byte, 4)
	if err := m.Read(key(1), value); err != nil || binary.LittleEndian.Uint32(value) != 5 {
		t.Errorf("slot reads %v, %v", value, err)
	}
	var bad *TypeError
	err := p.Put(0, Entry{Prog: 1, Name: "b", Type: "SchedCLS", Target: 1}, Any)
	if !errors.As(err, &bad) || bad.Type != "SchedCLS" || bad.OwnerType != "XDP" || tables.Slots[0] != 0 {
		t.Errorf("a program of another type: %v", err)
	}
	if err := p.Use("c", "SchedCLS"); !errors.As(err, &bad) {
		t.Errorf("a user of another type: %v", err)
	}
	if err := p.Put(2, Entry{Name: "a", Type: "XDP"}, Any); err != E2BIG {
		t.Errorf("slot 2 of 2: %v", err)
	}
	if err := p.Put(0, Entry{Name: "a", Type: "XDP"}, Exist); err != EINVAL {
		t.Errorf("with flags: %v", err)
	}
	if err := m.Write(key(0), value, Any); err != EOPNOTSUPP {
		t.Errorf("update with bytes: %v", err)
	}
	if err := errors.Join(m.Delete(key(1))); err != nil || tables.Slots[1] != 0 {
		t.Errorf("delete: %v, slot holds %#x", err, tables.Slots[1])
	}
	if err := m.Delete(key(1)); err != ENOENT {
		t.Errorf("delete of an empty slot: %v", err)
	}
	if err := m.Delete(key(2)); err != E2BIG {
		t.Errorf("delete beyond: %v", err)
	}
}

func TestGuest(t *testing.T) {
	for want, err := range map[int64]error{0: nil, -2: ENOENT, -7: E2BIG, -17: EEXIST, -22: errors.New("other")} {
		if got := int64(Guest(err)); got != want {
			t.Errorf("%v is %d for guests, want %d", err, got, want)
		}
	}
}
