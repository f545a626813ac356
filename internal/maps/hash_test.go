package maps

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/rcu"
)

var hashTypes = []ebpf.MapType{ebpf.Hash, ebpf.PerCPUHash, ebpf.LRUHash, ebpf.LRUCPUHash}

// makeHash makes a hash in an arena that has room for all it may need, on two processors.
func makeHash(t testing.TB, d *bpf.Map) (*Instance, *hash) {
	t.Helper()
	if err := Check([]*bpf.Map{d}); err != nil {
		t.Fatal(err)
	}
	a, err := arena.New(Memory([]*bpf.Map{d}, 2).More + 128)
	if err != nil {
		t.Fatal(err)
	}
	set, err := New(&Env{Arena: a, CPUs: 2, RCU: new(rcu.Domain)}, []*bpf.Map{d})
	if err != nil {
		t.Fatal(err)
	}
	return set[0], set[0].Map.(*hash)
}

func hashDef(t ebpf.MapType, key, value, entries uint32) *bpf.Map {
	return &bpf.Map{Name: "m", Type: uint32(t), KeySize: key, ValueSize: value, MaxEntries: entries}
}

// pattern returns bytes that differ with n.
func pattern(n int, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte((n>>(8*(i%2)))*131 + i*7)
	}
	return b
}

func (m *Instance) keys(t testing.TB) (all [][]byte) {
	t.Helper()
	var cursor []byte
	for {
		next := make([]byte, m.Def.KeySize)
		err := m.NextKey(cursor, next)
		if err == ENOENT {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all, cursor = append(all, next), next
	}
}

// Every size of key and value keeps what was put in, for users and guests.
func TestHashValues(t *testing.T) {
	for _, typ := range hashTypes {
		for _, size := range []struct{ key, value uint32 }{{1, 1}, {3, 4}, {4, 8}, {7, 12}, {8, 64}, {9, 65}, {16, 4}, {40, 100}, {100, 3000}} {
			m, h := makeHash(t, hashDef(typ, size.key, size.value, 50))
			for round := range 3 {
				for i := range 50 {
					if err := m.Write(pattern(i, int(size.key)), pattern(i+round, m.UserSize()), Any); err != nil {
						t.Fatalf("%v, sizes %v, key %d: %v", typ, size, i, err)
					}
				}
			}
			for i := range 50 {
				key, want, got := pattern(i, int(size.key)), pattern(i+2, m.UserSize()), make([]byte, m.UserSize())
				if err := m.Read(key, got); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%v, sizes %v, key %d: %x, %v; want %x", typ, size, i, got, err, want)
				}
				at := m.Lookup(0, key)
				seen, ok := h.arena.Bytes(at, uint64(size.value))
				if !ok || at%8 != 0 || !bytes.Equal(seen, want[:size.value]) {
					t.Fatalf("%v, sizes %v, key %d: a guest sees %x at %#x", typ, size, i, seen, at)
				}
			}
			if n := len(m.keys(t)); n != 50 || h.Count() != 50 {
				t.Errorf("%v: %d keys, %d counted", typ, n, h.Count())
			}
			for i := range 50 {
				if err := m.Delete(pattern(i, int(size.key))); err != nil {
					t.Fatal(err)
				}
				if m.Lookup(0, pattern(i, int(size.key))) != 0 {
					t.Error("a deleted key is found")
				}
			}
			if n := len(m.keys(t)); n != 0 || h.Count() != 0 {
				t.Errorf("%v: %d keys, %d counted after all were deleted", typ, n, h.Count())
			}
		}
	}
}

// What updates, takes and deletes give, with every flag.
func TestHashErrors(t *testing.T) {
	for _, typ := range hashTypes {
		m, _ := makeHash(t, hashDef(typ, 4, 8, 2))
		value := make([]byte, m.UserSize())
		full := error(E2BIG)
		if isLRU(m.Def) {
			full = nil
		}
		for _, step := range []struct {
			key   uint32
			flags uint64
			want  error
		}{{1, Exist, ENOENT}, {1, NoExist, nil}, {1, NoExist, EEXIST}, {1, Exist, nil}, {1, 3, EINVAL}, {1, FLock, EINVAL}, {1, FLock | NoExist, EINVAL},
			{1, 8, EINVAL}, {2, Any, nil}, {2, Any, nil}, {3, Any, full}, {3, NoExist, map[bool]error{true: EEXIST, false: E2BIG}[full == nil]}} {
			if err := m.Write(key(step.key), value, step.flags); err != step.want {
				t.Errorf("%v: user's update of %d, flags %d: %v, want %v", typ, step.key, step.flags, err, step.want)
			}
		}
		if err := m.Delete(key(9)); err != ENOENT {
			t.Errorf("%v: delete of what is not there: %v", typ, err)
		}
		take := m.Map.(Taker)
		if err := take.Take(key(9), value, 0); err != ENOENT {
			t.Errorf("%v: take of what is not there: %v", typ, err)
		}
		if err := take.Take(key(2), value, Exist); err != EINVAL {
			t.Errorf("%v: take with flags: %v", typ, err)
		}
		if err := m.Write(key(2), pattern(1, m.UserSize()), Any); err != nil {
			t.Error(err)
		}
		if err := take.Take(key(2), value, 0); err != nil || !bytes.Equal(value, pattern(1, m.UserSize())) {
			t.Errorf("%v: take: %x, %v", typ, value, err)
		}
		if err := m.Read(key(2), value); err != ENOENT {
			t.Errorf("%v: what was taken: %v", typ, err)
		}
	}
}

// A guest writes its processor's value; in a new element those of the others are 0.
func TestPerCPUHash(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.PerCPUHash, ebpf.LRUCPUHash} {
		m, _ := makeHash(t, hashDef(typ, 4, 4, 10))
		all := make([]byte, 16)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(m.Write(key(1), bytes.Repeat([]byte{9}, 16), Any))
		must(m.Delete(key(1))) // so that the element is used again
		must(m.Update(1, key(1), []byte{1, 2, 3, 4}, Any))
		must(m.Read(key(1), all))
		if want := []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0}; !bytes.Equal(all, want) {
			t.Errorf("%v: %v, want %v", typ, all, want)
		}
		at := m.Lookup(0, key(1))
		must(m.Update(0, key(1), []byte{5, 6, 7, 8}, Exist))
		if m.Lookup(0, key(1)) != at || m.Lookup(1, key(1)) != at+8 {
			t.Errorf("%v: values have moved", typ)
		}
		must(m.Read(key(1), all))
		if want := []byte{5, 6, 7, 8, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0}; !bytes.Equal(all, want) {
			t.Errorf("%v: %v, want %v", typ, all, want)
		}
	}
}

// Keys are gone through once each, though they are deleted on the way; after one that is not there the first follows.
func TestHashNextKey(t *testing.T) {
	for _, typ := range hashTypes {
		m, _ := makeHash(t, hashDef(typ, 4, 8, 1000))
		value := make([]byte, m.UserSize())
		for i := range uint32(1000) {
			if err := m.Write(key(i), value, Any); err != nil {
				t.Fatal(err)
			}
		}
		first, next := make([]byte, 4), make([]byte, 4)
		if err := m.NextKey(nil, first); err != nil {
			t.Fatal(err)
		}
		if err := m.NextKey(key(5000), next); err != nil || !bytes.Equal(first, next) {
			t.Errorf("%v: after a key that is not there: %v, %v; want %v", typ, next, err, first)
		}
		seen := map[uint32]bool{}
		var cursor []byte
		for n := 0; ; n++ {
			if err := m.NextKey(cursor, next); err == ENOENT {
				break
			}
			if cursor != nil && n%2 == 0 {
				if err := m.Delete(cursor); err != nil {
					t.Fatal(err)
				}
			}
			k := binary.LittleEndian.Uint32(next)
			if seen[k] {
				t.Fatalf("%v: key %d came twice", typ, k)
			}
			seen[k] = true
			cursor = bytes.Clone(next)
		}
		if len(seen) != 1000 {
			t.Errorf("%v: %d of 1000 keys", typ, len(seen))
		}
	}
}

// A full map is full for all alike, however many put something in at once.
func TestHashFull(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Hash, ebpf.PerCPUHash} {
		m, h := makeHash(t, hashDef(typ, 4, 8, 100))
		var ok, full atomic.Int32
		var wg sync.WaitGroup
		for g := range uint32(8) {
			wg.Go(func() {
				value := make([]byte, m.UserSize())
				for i := range uint32(50) {
					switch err := m.Write(key(g*50+i), value, Any); err {
					case nil:
						ok.Add(1)
					case E2BIG:
						full.Add(1)
					default:
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if ok.Load() != 100 || full.Load() != 300 || h.Count() != 100 || len(m.keys(t)) != 100 {
			t.Errorf("%v: %d went in, %d did not; %d are counted, %d there", typ, ok.Load(), full.Load(), h.Count(), len(m.keys(t)))
		}
		for _, k := range m.keys(t) { // to replace one there is room
			if err := m.Write(k, make([]byte, m.UserSize()), Exist); err != nil {
				t.Error(err)
			}
		}
	}
}

// An LRU hash never has more than it may, and keeps what is in use.
func TestLRU(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.LRUHash, ebpf.LRUCPUHash} {
		m, h := makeHash(t, hashDef(typ, 4, 8, 100))
		value := make([]byte, 8)
		for i := range uint32(1000) {
			if err := m.Update(0, key(i), value, NoExist); err != nil {
				t.Fatal(err)
			}
			for hot := range min(i, 10) {
				if m.Lookup(1, key(hot)) == 0 {
					t.Fatalf("%v: key %d, which is in use, is gone with key %d", typ, hot, i)
				}
			}
			if n := h.Count(); n != min(int64(i)+1, 100) {
				t.Fatalf("%v: %d elements after %d", typ, n, i+1)
			}
		}
		if n := len(m.keys(t)); n != 100 {
			t.Errorf("%v: %d keys", typ, n)
		}
		for i := uint32(910); i < 1000; i++ { // of the others the newest are there
			if m.Lookup(0, key(i)) == 0 {
				t.Errorf("%v: key %d is gone", typ, i)
			}
		}
		if m.Lookup(0, key(909)) != 0 {
			t.Errorf("%v: key 909 is there", typ)
		}
	}
}

// What users look up does not count, or going through a map would keep all of it.
func TestLRUReadLeavesNoTrace(t *testing.T) {
	m, _ := makeHash(t, hashDef(ebpf.LRUHash, 4, 8, 2))
	value := make([]byte, 8)
	for i := range uint32(3) {
		if err := m.Write(key(i), value, Any); err != nil {
			t.Fatal(err)
		}
		if err := m.Read(key(0), value); i < 2 && err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Read(key(0), value); err != ENOENT {
		t.Errorf("key 0: %v", err)
	}
}

// With BPF_F_NO_COMMON_LRU a processor makes room in its own share.
func TestLRUNoCommon(t *testing.T) {
	d := hashDef(ebpf.LRUHash, 4, 8, 9)
	d.Flags = FNoCommonLRU
	m, h := makeHash(t, d)
	if d.MaxEntries != 10 {
		t.Errorf("%d entries, want a multiple of the processors", d.MaxEntries)
	}
	value := make([]byte, 8)
	for i := range uint32(20) {
		if err := m.Update(0, key(i), value, Any); err != nil {
			t.Fatal(err)
		}
	}
	if h.Count() != 5 {
		t.Errorf("processor 0 has %d elements", h.Count())
	}
	for i := range uint32(20) {
		if err := m.Update(1, key(100+i), value, Any); err != nil {
			t.Fatal(err)
		}
	}
	if h.Count() != 10 || m.Lookup(0, key(19)) == 0 || m.Lookup(0, key(14)) != 0 || m.Lookup(0, key(119)) == 0 {
		t.Errorf("%d elements, keys %v", h.Count(), m.keys(t))
	}
}

// While somebody reads, what he may hold is not used again, as long as there is other memory; when there is
// none, the oldest goes first.
func TestHashGracePeriod(t *testing.T) {
	m, h := makeHash(t, hashDef(ebpf.Hash, 4, 8, 10))
	reader := h.rcu.NewReader()
	reader.Enter(h.rcu)
	if err := m.Update(0, key(1), pattern(1, 8), Any); err != nil {
		t.Fatal(err)
	}
	held, _ := h.arena.Bytes(m.Lookup(0, key(1)), 8)
	want := bytes.Clone(held)
	spare := int(h.limit) - 11
	for i := range spare {
		if err := m.Update(0, key(2), pattern(i, 8), Any); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := m.Delete(key(1)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(held, want) {
			t.Fatalf("after %d of %d updates the reader's value is %x", i, spare, held)
		}
	}
	for i := range 50 { // goes on all the same
		if err := m.Update(0, key(3), pattern(i, 8), Any); err != nil {
			t.Fatal(err)
		}
	}
	made := h.made
	reader.Exit()
	for i := range int(h.limit) {
		if err := m.Update(0, key(4), pattern(i, 8), Any); err != nil {
			t.Fatal(err)
		}
	}
	if h.made > made+1 {
		t.Errorf("%d elements were made after the reader was gone", h.made-made)
	}
}

// Without memory for more elements a map says so, and has what it has.
func TestHashMemorySpent(t *testing.T) {
	d := hashDef(ebpf.Hash, 4, 1<<20, 100)
	a, err := arena.New(5 << 20)
	if err != nil {
		t.Fatal(err)
	}
	set, err := New(&Env{Arena: a, CPUs: 2, RCU: new(rcu.Domain)}, []*bpf.Map{d})
	if err != nil {
		t.Fatal(err)
	}
	m, value := set[0], make([]byte, 1<<20)
	n := uint32(0)
	for ; n < 100 && err == nil; n++ {
		err = m.Write(key(n), value, Any)
	}
	if err != ENOMEM || len(m.keys(t)) != 4 || m.Map.(*hash).Count() != 4 {
		t.Errorf("after %d keys: %v; %d are there", n, err, len(m.keys(t)))
	}
	if err := m.Delete(key(0)); err != nil {
		t.Error(err)
	}
	if err := m.Write(key(50), value, Any); err != nil {
		t.Errorf("in the place of a deleted key: %v", err)
	}
}

func TestHashCheck(t *testing.T) {
	for _, test := range []struct {
		typ                 ebpf.MapType
		key, value, entries uint32
		flags               uint32
		ok                  bool
	}{
		{ebpf.Hash, 4, 4, 1, 0, true},
		{ebpf.Hash, 4, 4, 1 << 27, FNoPrealloc, true},
		{ebpf.Hash, 4, 4, 1<<27 + 1, FNoPrealloc, false},
		{ebpf.Hash, 4, 4, 1 << 31, 0, false},
		{ebpf.Hash, 4, 4, 0, 0, false},
		{ebpf.Hash, 0, 4, 1, 0, false},
		{ebpf.Hash, 4, 0, 1, 0, false},
		{ebpf.Hash, 1 << 31, 1 << 31, 1, 0, false},
		{ebpf.Hash, 4, 4<<20 - 53, 1, 0, true},
		{ebpf.Hash, 4, 4<<20 - 52, 1, 0, false},
		{ebpf.PerCPUHash, 4, 32 << 10, 1, 0, true},
		{ebpf.PerCPUHash, 4, 32<<10 + 1, 1, 0, false},
		{ebpf.Hash, 4, 4, 1, FNoCommonLRU, false},
		{ebpf.LRUHash, 4, 4, 1, FNoCommonLRU, true},
		{ebpf.LRUHash, 4, 4, 1, FNoPrealloc, false},
		{ebpf.LRUHash, 4, 4, 1, FNumaNode, true},
		{ebpf.LRUHash, 4, 4, 1, FNumaNode | FNoCommonLRU, false},
		{ebpf.PerCPUHash, 4, 4, 1, FNumaNode, false},
		{ebpf.Hash, 4, 4, 1, FZeroSeed | FRdonly, true},
		{ebpf.Hash, 4, 4, 1, FRdonlyProg | FWronlyProg, false},
		{ebpf.Hash, 4, 4, 1, FMmapable, false},
	} {
		d := hashDef(test.typ, test.key, test.value, test.entries)
		d.Flags = test.flags
		if err := Check([]*bpf.Map{d}); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
		if n := Memory([]*bpf.Map{d}, 64); test.ok && n.More < uint64(test.key)+uint64(test.value) {
			t.Errorf("%+v takes %v", test, n)
		}
	}
}

// Lookups and updates allocate nothing once the memory is there.
func TestHashAllocates(t *testing.T) {
	for _, typ := range hashTypes {
		m, _ := makeHash(t, hashDef(typ, 16, 8, 1000))
		k, value := pattern(1, 16), make([]byte, m.UserSize())
		for i := range 1000 {
			if err := m.Write(pattern(i, 16), value, Any); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(1000, func() {
			if m.Lookup(0, k) == 0 {
				t.Error("not found")
			}
		}); n != 0 {
			t.Errorf("%v: a lookup allocates %v times", typ, n)
		}
		if n := testing.AllocsPerRun(10000, func() {
			if m.Update(0, k, value[:8], Any) != nil || m.Read(k, value) != nil {
				t.Error("not updated")
			}
		}); n != 0 {
			t.Errorf("%v: an update allocates %v times", typ, n)
		}
	}
}

// Whole chains are read or taken at once, each entry once.
func TestHashBatch(t *testing.T) {
	for _, typ := range hashTypes {
		for _, take := range []bool{false, true} {
			m, h := makeHash(t, hashDef(typ, 4, 8, 1000))
			for i := range uint32(1000) {
				if err := m.Write(key(i), pattern(int(i), m.UserSize()), Any); err != nil {
					t.Fatal(err)
				}
			}
			keys, values := make([]byte, 4*64), make([]byte, m.UserSize()*64)
			seen, from := map[uint32]bool{}, uint32(0)
			for end := false; !end; {
				n, next, err := h.ReadBatch(from, keys, values, take, false)
				if err != nil && err != ENOENT {
					t.Fatal(err)
				}
				for i := range n {
					k := binary.LittleEndian.Uint32(keys[4*i:])
					if seen[k] || !bytes.Equal(values[i*m.UserSize():][:m.UserSize()], pattern(int(k), m.UserSize())) {
						t.Fatalf("%v: key %d, seen %v: %x", typ, k, seen[k], values[i*m.UserSize():][:m.UserSize()])
					}
					seen[k] = true
				}
				from, end = next, err == ENOENT
			}
			left := int64(1000)
			if take {
				left = 0
			}
			if len(seen) != 1000 || h.Count() != left || len(m.keys(t)) != int(left) {
				t.Errorf("%v, take %v: %d keys, %d left", typ, take, len(seen), h.Count())
			}
		}
	}
	m, h := makeHash(t, hashDef(ebpf.Hash, 4, 8, 1))
	if err := m.Write(key(1), make([]byte, 8), Any); err != nil {
		t.Fatal(err)
	}
	if n, _, err := h.ReadBatch(0, nil, nil, true, false); n != 0 || err != ENOSPC {
		t.Errorf("without room: %d, %v", n, err)
	}
}

// A walk comes by every entry once and may delete them.
func TestWalk(t *testing.T) {
	for _, typ := range append([]ebpf.MapType{ebpf.Array, ebpf.PerCPUArray}, hashTypes...) {
		d := hashDef(typ, 4, 8, 300)
		var m *Instance
		if typ == ebpf.Array || typ == ebpf.PerCPUArray {
			m, _, _ = make1(t, d)
		} else {
			m, _ = makeHash(t, d)
		}
		for i := range uint32(300) {
			if err := m.Update(1, key(i), pattern(int(i), 8), Any); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[uint64]bool{}
		var w Walk
		for m.Map.(Walker).Walk(&w, 1) {
			k := key(w.Index)
			if h, ok := m.Map.(*hash); ok {
				b, _ := h.arena.Bytes(w.Key, 4)
				k = bytes.Clone(b)
			}
			if at := m.Lookup(1, k); at != w.Value || seen[at] {
				t.Fatalf("%v: the value of %v is at %#x, the walk's at %#x", typ, k, at, w.Value)
			}
			seen[w.Value] = true
			if w.Key != 0 && len(seen)%3 == 0 {
				if err := m.Delete(k); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(seen) != 300 {
			t.Errorf("%v: %d entries", typ, len(seen))
		}
	}
}

// The value around an address is found, and its key.
func TestHashHolds(t *testing.T) {
	d := hashDef(ebpf.Hash, 4, 24, 2000)
	d.Fields = []bpf.Field{{Kind: bpf.Timer, Offset: 8, Size: 16}}
	m, h := makeHash(t, d)
	for i := range uint32(2000) {
		if err := m.Write(key(i), make([]byte, 24), Any); err != nil {
			t.Fatal(err)
		}
	}
	k := make([]byte, 4)
	for i := range uint32(2000) {
		at := m.Lookup(0, key(i))
		if got := h.Holds(at+8, k); got != at || !bytes.Equal(k, key(i)) {
			t.Fatalf("%#x is a part of the value at %#x of key %v, want %#x, %v", at+8, got, k, at, key(i))
		}
		if h.Holds(at-1, k) != 0 {
			t.Error("a key holds something")
		}
	}
	if h.Holds(h.arena.Base(), k) != 0 || h.Holds(0, k) != 0 || h.Holds(1<<63, k) != 0 {
		t.Error("an address elsewhere is a part of a value")
	}
}

// What a value holds ends with it: once for each value deleted, replaced or pushed out.
func TestHashRelease(t *testing.T) {
	for _, typ := range hashTypes {
		d := hashDef(typ, 4, 16, 4)
		d.Fields = []bpf.Field{{Kind: bpf.Kptr, Offset: 8, Size: 8}}
		m, h := makeHash(t, d)
		released := map[uint64]int{}
		h.env.Release = func(_ *bpf.Map, value uint64) { released[value]++ }
		value := bytes.Repeat([]byte{0xff}, m.UserSize())
		step := func(what string, want int, err error) {
			t.Helper()
			n := 0
			for _, times := range released {
				n += times
			}
			if err != nil || n != want {
				t.Errorf("%v: %s: %v, %d values released, want %d", typ, what, err, n, want)
			}
			clear(released)
		}
		values := 1
		if m.Kind.PerCPU {
			values = 2
		}
		step("put in", 0, m.Write(key(1), value, Any))
		if b, _ := h.arena.Bytes(m.Lookup(0, key(1))+8, 8); !bytes.Equal(b, make([]byte, 8)) {
			t.Errorf("%v: a user wrote into a pointer", typ)
		}
		step("overwrite", 1, m.Update(0, key(1), value[:16], Any))
		step("delete", values, m.Delete(key(1)))
		step("put in", 0, m.Write(key(1), value, Any))
		step("take", values, h.Take(key(1), value, 0))
		if isLRU(d) {
			for i := range uint32(4) {
				step("put in", 0, m.Update(0, key(i), value[:16], Any))
			}
			step("push out", values, m.Update(0, key(9), value[:16], Any))
		}
	}
}

// Updates under the lock in a value change it in place, and readers under it see no half of one.
func TestHashSpinLock(t *testing.T) {
	d := hashDef(ebpf.Hash, 4, 136, 4)
	d.Fields = []bpf.Field{{Kind: bpf.SpinLock, Offset: 0, Size: 4}}
	m, h := makeHash(t, d)
	if err := m.Write(key(1), make([]byte, 136), FLock|NoExist); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(key(1), make([]byte, 136), FLock|NoExist); err != EEXIST {
		t.Errorf("once more: %v", err)
	}
	if err := m.Write(key(2), make([]byte, 136), FLock|Exist); err != ENOENT {
		t.Errorf("what is not there: %v", err)
	}
	at := m.Lookup(0, key(1))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			value, got := bytes.Repeat([]byte{byte(g)}, 136), make([]byte, 136)
			for range 2000 {
				if err := m.Write(key(1), value, FLock); err != nil {
					t.Error(err)
				}
				if err := h.ReadLocked(key(1), got); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(got[:4], make([]byte, 4)) || !bytes.Equal(got[4:], bytes.Repeat(got[4:5], 132)) {
					t.Errorf("half of a value: %x", got)
					return
				}
			}
		})
	}
	wg.Wait()
	if m.Lookup(0, key(1)) != at {
		t.Error("the value has moved")
	}
}

func BenchmarkHashLookup(b *testing.B) {
	for _, size := range []int{4, 16} {
		b.Run(fmt.Sprintf("key%d", size), func(b *testing.B) {
			m, _ := makeHash(b, hashDef(ebpf.Hash, uint32(size), 8, 10000))
			for i := range 10000 {
				if err := m.Write(pattern(i, size), make([]byte, 8), Any); err != nil {
					b.Fatal(err)
				}
			}
			k := pattern(77, size)
			b.ReportAllocs()
			for b.Loop() {
				m.Lookup(0, k)
			}
		})
	}
}

// Where elements are used again before their time, since somebody reads for ever, a user's copy is still of the
// key that was asked for, and no reader is lost in a chain.
func TestHashReuse(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Hash, ebpf.LRUHash} {
		m, h := makeHash(t, hashDef(typ, 8, 16, 32))
		h.limit = 32 + 8
		h.rcu.NewReader().Enter(h.rcu)
		k := func(i uint32) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(i)) }
		var writers, readers sync.WaitGroup
		var done atomic.Bool
		var found atomic.Int64
		for g := range uint32(3) {
			writers.Go(func() {
				value := make([]byte, 16)
				for i := range uint32(8000) {
					n := (i*7 + g) % 48
					binary.LittleEndian.PutUint64(value, uint64(n))
					binary.LittleEndian.PutUint64(value[8:], uint64(n)^0xabcdef)
					if err := m.Write(k(n), value, Any); err != nil && err != E2BIG && err != ENOMEM {
						t.Error(err)
					}
					if i%3 == 0 {
						m.Delete(k((i * 5) % 48))
					}
				}
			})
		}
		for range 2 {
			readers.Go(func() {
				value := make([]byte, 16)
				for i := uint32(0); !done.Load(); i++ {
					n := i % 48
					if m.Read(k(n), value) != nil {
						continue
					}
					found.Add(1)
					if got := binary.LittleEndian.Uint64(value); got != uint64(n) || binary.LittleEndian.Uint64(value[8:]) != got^0xabcdef {
						t.Errorf("%v: key %d has the value of %d", typ, n, got)
						return
					}
				}
			})
		}
		writers.Wait()
		done.Store(true)
		readers.Wait()
		if n := h.Count(); found.Load() == 0 || n > 32 || int(n) != len(m.keys(t)) {
			t.Errorf("%v: %d found, %d elements, %d keys", typ, found.Load(), n, len(m.keys(t)))
		}
	}
}

// Whatever is done in whatever order, a hash is what Go's map is.
func TestHashModel(t *testing.T) {
	for _, typ := range hashTypes {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 1))
			m, h := makeHash(t, hashDef(typ, 5, 9, 30))
			keys := uint32(40)
			if isLRU(m.Def) {
				keys = 30 // so that nothing is pushed out
			}
			model := map[string]string{}
			value := make([]byte, m.UserSize())
			for step := range 2000 {
				k := string(pattern(int(r.Uint32N(keys)), 5))
				was, there := model[k]
				var want error
				switch op := r.IntN(10); {
				case op < 5:
					flags := uint64(r.IntN(3))
					for i := range value {
						value[i] = byte(r.Uint32())
					}
					switch {
					case flags == NoExist && there:
						want = EEXIST
					case flags == Exist && !there:
						want = ENOENT
					case !there && len(model) == 30:
						want = E2BIG
					default:
						model[k] = string(value)
					}
					if err := m.Write([]byte(k), value, flags); err != want {
						t.Fatalf("%v, seed %d, step %d: update gives %v, want %v", typ, seed, step, err, want)
					}
				case op < 7:
					if !there {
						want = ENOENT
					}
					delete(model, k)
					if err := m.Delete([]byte(k)); err != want {
						t.Fatalf("%v, seed %d, step %d: delete gives %v, want %v", typ, seed, step, err, want)
					}
				default:
					if !there {
						want = ENOENT
					}
					if err := m.Read([]byte(k), value); err != want || there && string(value) != was {
						t.Fatalf("%v, seed %d, step %d: %x, %v; want %x, %v", typ, seed, step, value, err, was, want)
					}
				}
			}
			if n := len(m.keys(t)); n != len(model) || h.Count() != int64(n) {
				t.Fatalf("%v, seed %d: %d keys, %d counted, want %d", typ, seed, n, h.Count(), len(model))
			}
			for k, want := range model {
				if err := m.Read([]byte(k), value); err != nil || string(value) != want {
					t.Fatalf("%v, seed %d: %x, %v; want %x", typ, seed, value, err, want)
				}
			}
		}
	}
}

// Keys that differ in a few bits spread over the buckets as chance would have it.
func TestHashSpread(t *testing.T) {
	const n = 1 << 14
	for _, size := range []int{4, 8, 13, 16, 40} {
		for _, shift := range []uint{0, 8, 16} {
			for _, flags := range []uint32{0, FZeroSeed} {
				d := hashDef(ebpf.Hash, uint32(size), 8, n)
				d.Flags = flags
				_, h := makeHash(t, d)
				chains := make([]int, n)
				k := make([]byte, size+8)
				for i := range uint64(n) {
					binary.LittleEndian.PutUint64(k[(size-4)/2:], i<<shift)
					chains[h.sum(k[:size])&h.mask]++
				}
				used, longest := 0, 0
				for _, c := range chains {
					if c > 0 {
						used++
					}
					longest = max(longest, c)
				}
				// By chance 1-1/e of the buckets are used, and the longest chain has about 7 of the keys.
				if used < n*60/100 || longest > 12 {
					t.Errorf("keys of %d bytes that differ from bit %d on: %d of %d buckets are used, the longest chain has %d", size, shift, used, n, longest)
				}
			}
		}
	}
}
