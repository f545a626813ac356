package rivet_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// hammered is a value of testdata/world/hammer.c.
type hammered struct{ Key, Twice, Count uint64 }

func newHammered(key uint32) hammered {
	return hammered{Key: uint64(key), Twice: uint64(key)<<32 + uint64(key)}
}

// steady keys are counted under and never replaced; the others come and go.
const (
	hammerCPUs = 8
	steady     = 8
	fleeting   = 40
)

// Many programs and users at once, on each kind of map: counters are exact, no 8-byte word is torn, and
// nobody finds another key's value. There are fewer updates than a map has spare elements, so that none is used
// again before its time even if a reader sleeps all through.
func TestMapsHammered(t *testing.T) {
	for _, engine := range rivet.Engines() {
		for _, name := range []string{"array", "per_cpu_array", "hash", "lazy", "per_cpu_hash", "lru", "lru_per_cpu"} {
			t.Run(fmt.Sprintf("%v/%s", engine, name), func(t *testing.T) { hammer(t, engine, name) })
		}
	}
}

func hammer(t *testing.T, engine rivet.Engine, name string) {
	spec, err := rivet.LoadCollectionSpec("testdata/world/hammer.o")
	if err != nil {
		t.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine, CPUs: hammerCPUs})
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	m, prog := coll.Maps[name], coll.Programs["hammer_"+name]
	perCPU := name == "per_cpu_array" || name == "per_cpu_hash" || name == "lru_per_cpu"
	for key := range uint32(steady) {
		if err := m.Put(key, hammerValue(key, perCPU)); err != nil {
			t.Fatal(err)
		}
	}
	const guests, users, times = 5, 3, 600
	var counts [guests][steady]uint64
	var wg sync.WaitGroup
	for g := range guests {
		wg.Go(func() {
			for range times {
				key, other := rand.Uint32N(steady), steady+rand.Uint32N(fleeting)
				counts[g][key]++
				if ret, err := prog.Run(&rivet.RunOptions{Data: hammerPacket(key, other), CPU: uint32(g)}); err != nil || ret != 0 {
					t.Errorf("%d, %v", int32(ret), err)
					return
				}
			}
		})
	}
	for range users {
		wg.Go(func() {
			for range times {
				if err := hammerAsUser(m, perCPU); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for what, wrong := range []string{"another key's value", "a torn word", "a key that was lost"} {
		var n uint64
		if err := coll.Maps["bad"].Lookup(uint32(what), &n); err != nil || n != 0 {
			t.Errorf("programs found %s %d times, %v", wrong, n, err)
		}
	}
	for key := range uint32(steady) {
		var want [hammerCPUs]uint64
		for g := range guests {
			want[g] = counts[g][key]
		}
		if !perCPU {
			for _, n := range want[1:] {
				want[0] += n
			}
		}
		got, err := hammerLookup(m, key, perCPU)
		for cpu := range got {
			if got[cpu].Count != want[cpu] {
				t.Errorf("counter %d of processor %d is %d, want %d", key, cpu, got[cpu].Count, want[cpu])
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// hammerPacket is what the programs are told. Under the race detector they access values atomically alone: it
// takes for a race what whole words are promised to be safe from.
func hammerPacket(steady, fleeting uint32) []byte {
	plain := uint32(1)
	if testenv.Race {
		plain = 0
	}
	b := binary.LittleEndian.AppendUint32(nil, steady)
	b = binary.LittleEndian.AppendUint32(b, fleeting)
	return binary.LittleEndian.AppendUint32(b, plain)
}

func hammerValue(key uint32, perCPU bool) any {
	if !perCPU {
		return newHammered(key)
	}
	values := make([]hammered, hammerCPUs)
	for cpu := range values {
		values[cpu] = newHammered(key)
	}
	return values
}

func hammerLookup(m *rivet.Map, key uint32, perCPU bool) ([]hammered, error) {
	if perCPU {
		var values []hammered
		err := m.Lookup(key, &values)
		return values, err
	}
	values := make([]hammered, 1)
	err := m.Lookup(key, &values[0])
	return values, err
}

// hammerAsUser does one of what users can do, and says what is wrong with what it finds.
func hammerAsUser(m *rivet.Map, perCPU bool) error {
	key := steady + rand.Uint32N(fleeting)
	var values []hammered
	var err error
	switch rand.IntN(5) {
	case 0:
		err = m.Put(key, hammerValue(key, perCPU))
	case 1:
		if err = m.Delete(key); m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray {
			err = nil // which they do not have
		}
	case 2:
		values, err = hammerLookup(m, key, perCPU)
	case 3:
		return hammerBatch(m, perCPU)
	case 4:
		if m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray {
			return nil
		}
		if perCPU {
			err = m.LookupAndDelete(key, &values)
		} else {
			values = make([]hammered, 1)
			err = m.LookupAndDelete(key, &values[0])
		}
	}
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return errors.Join(err, hammerCheck(key, values))
}

func hammerBatch(m *rivet.Map, perCPU bool) error {
	keys, each := make([]uint32, 64), 1
	if perCPU {
		each = hammerCPUs
	}
	values := make([]hammered, len(keys)*each)
	var cursor rivet.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		for i := range n {
			if err := hammerCheck(keys[i], values[i*each:(i+1)*each]); err != nil {
				return fmt.Errorf("in a batch: %w", err)
			}
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func hammerCheck(key uint32, values []hammered) error {
	for cpu, v := range values {
		if v.Key != 0 && v.Key != uint64(key) {
			return fmt.Errorf("a user found the value of key %d under key %d, processor %d", v.Key, key, cpu)
		}
		if v.Twice>>32 != v.Twice&0xffff_ffff {
			return fmt.Errorf("a user found a torn word: %#x", v.Twice)
		}
	}
	return nil
}

// A small LRU hash under more keys than it has room for: it never has more than it may, and no value is another's.
func TestLRUHammered(t *testing.T) {
	spec, err := rivet.LoadCollectionSpec("testdata/world/hammer.o")
	if err != nil {
		t.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{CPUs: hammerCPUs})
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	m := coll.Maps["small"]
	var wg sync.WaitGroup
	for g := range uint32(8) {
		wg.Go(func() {
			for range 1000 {
				key := rand.Uint32N(1000)
				if ret, err := coll.Programs["flood"].Run(&rivet.RunOptions{Data: hammerPacket(0, key), CPU: g}); err != nil || ret != 0 {
					t.Errorf("%d, %v", int32(ret), err)
				}
				if err := m.Put(key/2, newHammered(key/2)); err != nil {
					t.Error(err)
				}
				values, err := hammerLookup(m, key, false)
				if err == nil {
					err = hammerCheck(key, values)
				}
				if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	entries, err := m.Dump()
	if err != nil || len(entries) == 0 || len(entries) > 16 {
		t.Errorf("%d entries of 16, %v", len(entries), err)
	}
	for what := range uint32(3) {
		var n uint64
		if err := coll.Maps["bad"].Lookup(what, &n); err != nil || n != 0 {
			t.Errorf("programs found wrong %d: %d times, %v", what, n, err)
		}
	}
}
