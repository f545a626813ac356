package rivet_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet"
)

// mapsOnly loads maps without programs, on three processors.
func mapsOnly(t testing.TB, specs ...*ebpf.MapSpec) *rivet.Collection {
	t.Helper()
	spec := &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}}
	for _, s := range specs {
		spec.Maps[s.Name] = s
	}
	c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{CPUs: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mapSpec(typ ebpf.MapType, value, entries uint32) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: "m", Type: typ, KeySize: 4, ValueSize: value, MaxEntries: entries}
}

var perCPUTypes = []ebpf.MapType{ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash}

// Values of per-CPU maps are slices, in all the ways that cilium/ebpf has.
func TestPerCPUValues(t *testing.T) {
	type pair struct{ A, B uint16 }
	for _, typ := range perCPUTypes {
		m := mapsOnly(t, mapSpec(typ, 4, 10)).Maps["m"]
		for _, test := range []struct {
			put  any
			want []byte // what LookupBytes gives
		}{
			{[]uint32{1, 2, 3}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}},
			{[]uint32{9}, append([]byte{9}, make([]byte, 23)...)},
			{[]uint32{}, make([]byte, 24)},
			{[]pair{{1, 2}, {3, 4}}, append([]byte{1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4}, make([]byte, 13)...)},
			{[][]byte{[]byte("abcd"), []byte("efgh")}, append([]byte("abcd\x00\x00\x00\x00efgh"), make([]byte, 12)...)},
		} {
			if err := m.Put(uint32(1), test.put); err != nil {
				t.Fatalf("%v: %v: %v", typ, test.put, err)
			}
			got, err := m.LookupBytes(uint32(1))
			if err != nil || !bytes.Equal(got, test.want) {
				t.Errorf("%v: %v became %v, %v; want %v", typ, test.put, got, err, test.want)
			}
		}
		if err := m.Put(uint32(1), []uint32{7, 8, 9}); err != nil {
			t.Fatal(err)
		}
		var made []uint32
		own, pointers := make([]pair, 3), []*uint32{}
		if err := errors.Join(m.Lookup(uint32(1), &made), m.Lookup(uint32(1), own), m.Lookup(uint32(1), &pointers)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(made, []uint32{7, 8, 9}) || own[2] != (pair{A: 9}) || len(pointers) != 3 || *pointers[1] != 8 {
			t.Errorf("%v: %v, %v, %v", typ, made, own, pointers)
		}
		for _, bad := range []any{nil, uint32(1), new(uint32), []uint32{1, 2, 3, 4}, []uint64{1}, []byte{1, 2, 3, 4}} {
			if err := m.Put(uint32(1), bad); err == nil {
				t.Errorf("%v: %#v was put in", typ, bad)
			}
		}
		for _, bad := range []any{nil, new(uint32), make([]uint32, 2), make([]uint32, 4), make([]*uint32, 3), make([]uint64, 3), (*[]uint32)(nil)} {
			if err := m.Lookup(uint32(1), bad); err == nil {
				t.Errorf("%v: looked up into %#v", typ, bad)
			}
		}
		var key uint32
		n, it := 0, m.Iterate()
		for it.Next(&key, &made) {
			if key == 1 && made[2] != 9 {
				t.Errorf("%v: iteration gives %v", typ, made)
			}
			n++
		}
		if err := it.Err(); err != nil || n != map[bool]int{true: 10, false: 1}[typ == ebpf.PerCPUArray] {
			t.Errorf("%v: %d entries, %v", typ, n, err)
		}
		err := m.LookupAndDelete(uint32(1), &made)
		if typ == ebpf.PerCPUArray {
			if !errors.Is(err, rivet.ErrNotSupported) {
				t.Errorf("an entry of an array was taken: %v", err)
			}
		} else if err != nil || made[0] != 7 || !errors.Is(m.Lookup(uint32(1), &made), ebpf.ErrKeyNotExist) {
			t.Errorf("%v: took %v, %v", typ, made, err)
		}
	}
}

// JSON has the values of all processors, typed, and keys in order.
func TestPerCPUDump(t *testing.T) {
	point := &btf.Struct{Name: "point", Size: 8, Members: []btf.Member{
		{Name: "x", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}, {Name: "y", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Offset: 32}}}
	for _, typ := range perCPUTypes {
		s := mapSpec(typ, 8, 1000)
		s.Key, s.Value = &btf.Int{Name: "unsigned int", Size: 4}, point
		m := mapsOnly(t, s).Maps["m"]
		for _, key := range []uint32{256, 3, 999} {
			if err := m.Put(key, [][2]int32{{int32(key), -1}, {}, {1, 2}}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := m.DumpJSON()
		want := `[{"key":3,"value":[{"x":3,"y":-1},{"x":0,"y":0},{"x":1,"y":2}]},` +
			`{"key":256,"value":[{"x":256,"y":-1},{"x":0,"y":0},{"x":1,"y":2}]},` +
			`{"key":999,"value":[{"x":999,"y":-1},{"x":0,"y":0},{"x":1,"y":2}]}]`
		if err != nil || string(got) != want {
			t.Errorf("%v: %s, %v", typ, got, err)
		}
	}
}

// A batch goes on where the one before ended and says when it was the last.
func TestBatches(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Array, ebpf.Hash, ebpf.LRUHash} {
		m := mapsOnly(t, mapSpec(typ, 8, 100)).Maps["m"]
		keys, values := make([]uint32, 100), make([]uint64, 100)
		for i := range keys {
			keys[i], values[i] = uint32(i), uint64(i)*7
		}
		if n, err := m.BatchUpdate(keys, values, nil); n != 100 || err != nil {
			t.Fatalf("%v: %d were put in, %v", typ, n, err)
		}
		var cursor rivet.MapBatchCursor
		seen := map[uint32]bool{}
		for end := false; !end; {
			someKeys, someValues := make([]uint32, 30), make([]uint64, 30)
			n, err := m.BatchLookup(&cursor, someKeys, someValues, nil)
			for i := range n {
				if seen[someKeys[i]] || someValues[i] != uint64(someKeys[i])*7 {
					t.Errorf("%v: key %d, seen %v, has %d", typ, someKeys[i], seen[someKeys[i]], someValues[i])
				}
				seen[someKeys[i]] = true
			}
			if end = errors.Is(err, ebpf.ErrKeyNotExist); err != nil && !end {
				t.Fatal(err)
			}
		}
		if len(seen) != 100 {
			t.Errorf("%v: %d of 100 keys", typ, len(seen))
		}
		if _, err := mapsOnly(t, mapSpec(typ, 8, 1)).Maps["m"].BatchLookup(&cursor, keys, values, nil); err == nil {
			t.Errorf("%v: another map took the cursor", typ)
		}
		n, err := m.BatchDelete([]uint32{5, 6, 500, 7}, nil)
		if typ == ebpf.Array {
			if n != 0 || !errors.Is(err, rivet.ErrNotSupported) {
				t.Errorf("of an array %d were deleted, %v", n, err)
			}
			continue
		}
		if n != 2 || !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("%v: %d were deleted, %v", typ, n, err)
		}
		var taker rivet.MapBatchCursor
		if n, err := m.BatchLookupAndDelete(&taker, keys, values, nil); n != 98 || !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("%v: %d were taken, %v", typ, n, err)
		}
		if key, err := m.NextKeyBytes(nil); key != nil || err != nil {
			t.Errorf("%v: %v is still there, %v", typ, key, err)
		}
	}
	m := mapsOnly(t, mapSpec(ebpf.Hash, 8, 10)).Maps["m"]
	if n, err := m.BatchUpdate([]uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, make([]uint64, 11), nil); n != 10 || !errors.Is(err, syscall.E2BIG) {
		t.Errorf("of 11 keys %d were put in, %v", n, err)
	}
	for _, bad := range []struct{ keys, values any }{{1, []uint64{1}}, {[]uint32{1}, 1}, {[]uint32{1}, []uint64{1, 2}}, {[]uint64{1}, []uint64{1}}, {[]uint32{1}, []uint32{1}}} {
		if _, err := m.BatchUpdate(bad.keys, bad.values, nil); err == nil {
			t.Errorf("%v and %v were put in", bad.keys, bad.values)
		}
	}
}

func TestPerCPUBatches(t *testing.T) {
	for _, typ := range perCPUTypes {
		m := mapsOnly(t, mapSpec(typ, 4, 4)).Maps["m"]
		keys, values := []uint32{0, 1, 2, 3}, []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
		if n, err := m.BatchUpdate(keys, values, nil); n != 4 || err != nil {
			t.Fatalf("%v: %d were put in, %v", typ, n, err)
		}
		var cursor rivet.MapBatchCursor
		gotKeys, gotValues := make([]uint32, 8), make([]uint32, 24)
		n, err := m.BatchLookup(&cursor, gotKeys, gotValues, nil)
		if n != 4 || !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Fatalf("%v: %d, %v", typ, n, err)
		}
		for i, key := range gotKeys[:4] {
			if !reflect.DeepEqual(gotValues[3*i:3*i+3], values[3*key:3*key+3]) {
				t.Errorf("%v: key %d has %v", typ, key, gotValues[3*i:3*i+3])
			}
		}
		if _, err := m.BatchUpdate(keys, values[:11], nil); err == nil || !strings.Contains(err.Error(), "expected 12, got 11") {
			t.Errorf("%v: too few values: %v", typ, err)
		}
	}
}

// What is asked of a closed Map fails, and clones are not closed with it.
func TestMapCloseAndClone(t *testing.T) {
	m := mapsOnly(t, mapSpec(ebpf.Hash, 8, 4)).Maps["m"]
	c, err := m.Clone()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Put(uint32(1), uint64(5)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	var v uint64
	var cursor rivet.MapBatchCursor
	_, next := m.NextKeyBytes(nil)
	_, batch := m.BatchLookup(&cursor, []uint32{0}, []uint64{0}, nil)
	_, clone := m.Clone()
	for i, err := range []error{m.Lookup(uint32(1), &v), m.Put(uint32(1), v), m.Delete(uint32(1)), m.LookupAndDelete(uint32(1), &v), m.Freeze(), next, batch, clone} {
		if !errors.Is(err, syscall.EBADF) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := c.Lookup(uint32(1), &v); err != nil || v != 5 {
		t.Errorf("the clone has %d, %v", v, err)
	}
	if err := c.Freeze(); err != nil {
		t.Error(err)
	}
	info, err := m.Info()
	if err != nil || !info.Frozen() || info.Name != "m" || info.Type != ebpf.Hash || info.KeySize != 4 || info.ValueSize != 8 || info.MaxEntries != 4 {
		t.Errorf("%+v, %v", info, err)
	}
	if err := c.Freeze(); !errors.Is(err, syscall.EPERM) {
		t.Errorf("frozen once more: %v", err)
	}
	var none *rivet.Map
	if clone, err := none.Clone(); clone != nil || err != nil || none.Close() != nil || c.IsPinned() {
		t.Error("nil, or pinned")
	}
}

// However large its maps, a collection takes no more than MaxMemory.
func TestMapsWithinMemory(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Hash, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.LRUCPUHash} {
		s := mapSpec(typ, 1024, 1<<27)
		c, err := rivet.NewCollectionWithOptions(&ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": s}, Programs: map[string]*ebpf.ProgramSpec{}},
			rivet.CollectionOptions{CPUs: 2, MaxMemory: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var value any = make([]byte, 1024)
		if typ == ebpf.PerCPUHash || typ == ebpf.LRUCPUHash {
			value = [][]byte{make([]byte, 1024)}
		}
		n := uint32(0)
		for ; err == nil && n < 10000; n++ {
			err = c.Maps["m"].Put(n, value)
		}
		if typ == ebpf.LRUHash || typ == ebpf.LRUCPUHash { // which make room for themselves
			if err != nil {
				t.Errorf("%v: %v after %d keys", typ, err, n)
			}
		} else if !errors.Is(err, syscall.ENOMEM) || n < 50 || n > 1024 {
			t.Errorf("%v: %v after %d keys", typ, err, n)
		}
		c.Close()
	}
	for _, typ := range []ebpf.MapType{ebpf.Array, ebpf.PerCPUArray} {
		_, err := rivet.NewCollection(&ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": mapSpec(typ, 32<<10, 1<<32-1)}, Programs: map[string]*ebpf.ProgramSpec{}})
		if err == nil || !strings.Contains(err.Error(), "guest memory") {
			t.Errorf("%v of 2^47 bytes: %v", typ, err)
		}
	}
}
