package maps

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// newLPMMap makes a trie with so much memory as it says it may need.
func newLPMMap(t testing.TB, data, entries uint32) *Instance {
	t.Helper()
	d := &bpf.Map{Name: "trie", Type: uint32(ebpf.LPMTrie), KeySize: 4 + data, ValueSize: 8, MaxEntries: entries, Flags: FNoPrealloc}
	if err := Check([]*bpf.Map{d}); err != nil {
		t.Fatal(err)
	}
	mem, err := arena.New(Memory([]*bpf.Map{d}, 2).More + 128)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewAt(&Env{Arena: mem, CPUs: 2, RCU: new(rcu.Domain)}, 0, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// lpmModel is what a trie holds: values by prefix, its bits beyond the length zeroed.
type lpmModel map[string]uint64

func modelKey(key []byte) string {
	k := bytes.Clone(key)
	n := binary.LittleEndian.Uint32(k)
	for i := range k[4:] {
		if left := int(n) - 8*i; left <= 0 {
			k[4+i] = 0
		} else if left < 8 {
			k[4+i] &= 0xff << (8 - left)
		}
	}
	return string(k)
}

// longest returns the value of the longest prefix that contains key.
func (m lpmModel) longest(key []byte) (v uint64, ok bool) {
	k := bytes.Clone(key)
	for n := int(binary.LittleEndian.Uint32(k)); n >= 0; n-- {
		binary.LittleEndian.PutUint32(k, uint32(n))
		if v, ok = m[modelKey(k)]; ok {
			return v, true
		}
	}
	return 0, false
}

// A trie finds what a search through all prefixes does, whatever was put in and taken out before.
func TestLPMAgainstModel(t *testing.T) {
	for _, size := range []uint32{1, 3, 4, 8, 9, 16} {
		m, model := newLPMMap(t, size, 40), lpmModel{}
		r := rand.New(rand.NewPCG(uint64(size), 1))
		key, value := make([]byte, 4+size), make([]byte, 8)
		for i := range uint64(6000) {
			binary.LittleEndian.PutUint32(key, r.Uint32N(size*8+1))
			for j := range key[4:] {
				key[4+j] = byte(r.Uint32N(3)) * 0x55
			}
			binary.LittleEndian.PutUint64(value, i)
			want, found := model.longest(key)
			_, exact := model[modelKey(key)]
			switch r.IntN(3) {
			case 0:
				flags := uint64(r.IntN(3))
				err := m.Write(key, value, flags)
				switch {
				case flags == NoExist && exact && err == EEXIST, flags == Exist && !exact && err == ENOENT, !exact && len(model) == 40 && err == ENOSPC:
				case err == nil && (exact || len(model) < 40) && (flags == Any || exact == (flags == Exist)):
					model[modelKey(key)] = i
				default:
					t.Fatalf("size %d, %d: update of %x, flags %d: %v", size, i, key, flags, err)
				}
			case 1:
				if err := m.Delete(key); err == nil != exact {
					t.Fatalf("size %d, %d: delete of %x: %v", size, i, key, err)
				}
				delete(model, modelKey(key))
			default:
				err := m.Read(key, value)
				if err == nil != found || found && binary.LittleEndian.Uint64(value) != want || m.Lookup(0, key) != 0 != found {
					t.Fatalf("size %d, %d: %x is %x, %v, want %d, %v", size, i, key, value, err, want, found)
				}
			}
			if i%1000 == 0 {
				checkLPMKeys(t, m, model)
			}
		}
	}
}

// checkLPMKeys goes through all keys: each comes once, the longer ones before those that contain them.
func checkLPMKeys(t *testing.T, m *Instance, model lpmModel) {
	t.Helper()
	var got []string
	var cursor []byte
	for {
		next := make([]byte, m.Def.KeySize)
		if err := m.NextKey(cursor, next); err == ENOENT {
			break
		} else if err != nil || len(got) > len(model) {
			t.Fatalf("key %d: %v", len(got), err)
		}
		got, cursor = append(got, modelKey(next)), next
	}
	if want := slices.Sorted(maps.Keys(model)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Fatalf("keys are %x, want %x", got, want)
	}
	for i, k := range got {
		for _, later := range got[i+1:] {
			long, n := binary.LittleEndian.Uint32([]byte(later)), binary.LittleEndian.Uint32([]byte(k))
			if short := append([]byte(k[:4]), later[4:]...); long > n && modelKey(short) == k {
				t.Fatalf("%x comes before %x, which it contains", k, later)
			}
		}
	}
}

// Who reads finds whole values of the prefix that he asked for, while others put in, replace and
// delete; memory is used again, and never that which a reader holds.
func TestLPMConcurrent(t *testing.T) {
	m := newLPMMap(t, 4, 64)
	env := m.Map.(*lpm).env
	key := func(n, i uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, n), i<<24)
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			value, own := make([]byte, 8), env.RCU.NewReader()
			for i := uint32(0); ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if err := m.Read(key(32, i%8), value); err == nil && binary.LittleEndian.Uint32(value[4:]) != i%8 {
					t.Errorf("the value of %d is %x", i%8, value)
					return
				}
				own.Enter(env.RCU) // a guest keeps what it has found
				if addr := m.Lookup(0, key(32, i%8)); addr != 0 {
					b, _ := env.Arena.Bytes(addr, 8)
					for range 20 {
						load(value, b)
						if binary.LittleEndian.Uint32(value[4:]) != i%8 {
							t.Errorf("the value of %d that a guest holds is %x", i%8, value)
						}
					}
				}
				own.Exit()
				_ = m.NextKey(key(8, i%8), make([]byte, 8))
			}
		})
	}
	for g := range uint32(4) {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 7))
			for n := range uint32(2000) {
				i := r.Uint32N(8)
				k := key(8+r.Uint32N(3), i)
				if r.IntN(3) == 0 {
					_ = m.Delete(k)
					continue
				}
				value := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, n), i)
				if err := m.Update(0, k, value, Any); err != nil && err != ENOSPC && err != ENOMEM {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if n := len(m.Map.(*lpm).pool.free) + len(m.Map.(*lpm).pool.waiting); n > 64+lpmSpare {
		t.Errorf("%d values were made for 64 entries", n)
	}
}

// A lookup allocates nothing.
func TestLPMAllocates(t *testing.T) {
	m := newLPMMap(t, 16, 4)
	key := make([]byte, 20)
	key[0] = 64
	if err := m.Write(key, make([]byte, 8), Any); err != nil {
		t.Fatal(err)
	}
	key[0] = 128
	if n := testing.AllocsPerRun(100, func() {
		if m.Lookup(0, key) == 0 {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
}
