package rivet_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// at8 does something in 4 goroutines as a guest and in 4 as a user.
func at8(guest, user func(r *rand.Rand)) {
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() { guest(rand.New(rand.NewPCG(g, 1))) })
		wg.Go(func() { user(rand.New(rand.NewPCG(g, 2))) })
	}
	wg.Wait()
}

func loadWorld(t *testing.T, object string, engine rivet.Engine) *rivet.Collection {
	t.Helper()
	spec, err := rivet.LoadCollectionSpec("testdata/world/" + object + ".o")
	if err != nil {
		t.Fatal(err)
	}
	c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Guests and users change a trie at once: what is found belongs to a prefix of what was asked for.
func TestTrieUnderGuestsAndUsers(t *testing.T) {
	for _, engine := range rivet.Engines() {
		c := loadWorld(t, "lpm", engine)
		trie := c.Maps["trie"]
		random := func(r *rand.Rand) (key []byte, value uint64) {
			key = binary.LittleEndian.AppendUint32(nil, []uint32{8, 16, 24, 32}[r.IntN(4)])
			key = append(key, 10, byte(r.IntN(2)), byte(r.IntN(2)), 0)
			return key, uint64(binary.BigEndian.Uint32(key[4:])) << 32
		}
		at8(func(r *rand.Rand) {
			for range 300 {
				key, value := random(r)
				packet := binary.LittleEndian.AppendUint64(make([]byte, 8, 64), value)
				packet = append(append(packet, key...), make([]byte, 30)...)
				if ret, err := c.Programs[[]string{"update", "update", "delete"}[r.IntN(3)]].Run(&rivet.RunOptions{Data: packet}); err != nil || int32(ret) != 0 && int32(ret) != -2 && int32(ret) != -28 {
					t.Errorf("%v: %d, %v", engine, int32(ret), err)
				}
			}
		}, func(r *rand.Rand) {
			for range 300 {
				key, value := random(r)
				var got uint64
				if err := trie.Lookup(key, &got); err == nil {
					asked := binary.BigEndian.Uint32(key[4:])
					if found := uint32(got >> 32); asked>>24 != found>>24 {
						t.Errorf("%v: %x found %x", engine, key, got)
					}
				} else if !errors.Is(err, ebpf.ErrKeyNotExist) {
					t.Error(err)
				}
				if err := trie.Put(key, value); err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Error(err)
				}
			}
		})
	}
}

// Guests push and users push and pop at once: what comes out was put in by one of them, whole.
func TestQueueUnderGuestsAndUsers(t *testing.T) {
	for _, engine := range rivet.Engines() {
		for _, name := range []string{"queue", "stack"} {
			c := loadWorld(t, "queue", engine)
			m := c.Maps[name]
			at8(func(*rand.Rand) { // those that pop write their notes, all to one place
				for range 300 {
					program := "push_" + name
					if ret, err := c.Programs[program].Run(&rivet.RunOptions{Data: make([]byte, 20)}); err != nil || int32(ret) != 0 && int32(ret) != -7 {
						t.Errorf("%v: %s: %d, %v", engine, program, int32(ret), err)
					}
				}
			}, func(r *rand.Rand) {
				for range 300 {
					n := r.Uint64N(1 << 20)
					value := append(binary.LittleEndian.AppendUint64(nil, n), byte(n), 2, 3, 4, 5)
					if err := m.Update(nil, value, ebpf.UpdateExist); err != nil {
						t.Error(err)
					}
					var got []byte
					if err := m.LookupAndDelete(nil, &got); err == nil && (got[8] != got[0] || got[12] != 5) {
						t.Errorf("%v: %s gave %x", engine, name, got)
					} else if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
						t.Error(err)
					}
				}
			})
		}
	}
}
