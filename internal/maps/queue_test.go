package maps

import (
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// All that goes in comes out once, whole, and of a queue in the order of those who pushed.
func TestQueueConcurrent(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.Queue, ebpf.Stack} {
		m, _, _ := make1(t, &bpf.Map{Name: "q", Type: uint32(typ), ValueSize: 24, MaxEntries: 10})
		q := m.Map.(Pusher)
		const each = 1000
		var pushers, poppers sync.WaitGroup
		done := make(chan struct{})
		var mu sync.Mutex
		var all [][2]uint64
		for g := range uint64(4) {
			pushers.Go(func() {
				for i := range uint64(each) {
					v := binary.LittleEndian.AppendUint64(nil, g)
					v = binary.LittleEndian.AppendUint64(v, i)
					v = binary.LittleEndian.AppendUint64(v, g^i)
					for q.Push(v, Any) != nil {
						runtime.Gosched()
					}
				}
			})
			poppers.Go(func() {
				v, last := make([]byte, 24), map[uint64]uint64{}
				var mine [][2]uint64
				for over := false; ; {
					select {
					case <-done:
						over = true
					default:
					}
					if q.Pop(v) != nil {
						if over {
							break
						}
						runtime.Gosched()
						continue
					}
					from, i := binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[8:])
					if from^i != binary.LittleEndian.Uint64(v[16:]) || typ == ebpf.Queue && last[from] > i {
						t.Errorf("%v gave %x after %d", typ, v, last[from])
					}
					last[from] = i
					mine = append(mine, [2]uint64{from, i})
				}
				mu.Lock()
				all = append(all, mine...)
				mu.Unlock()
			})
		}
		pushers.Wait()
		close(done)
		poppers.Wait()
		slices.SortFunc(all, func(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) })
		if len(slices.Compact(all)) != 4*each {
			t.Errorf("%v: %d of %d values came out", typ, len(all), 4*each)
		}
	}
}

// What several put into a filter at once is in it.
func TestBloomConcurrent(t *testing.T) {
	m, _, _ := make1(t, &bpf.Map{Name: "b", Type: uint32(ebpf.BloomFilter), ValueSize: 8, MaxEntries: 1000})
	b := m.Map.(Pusher)
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(200) {
				v := binary.LittleEndian.AppendUint64(nil, g<<32|i)
				if err := b.Push(v, Any); err != nil || b.Peek(v) != nil {
					t.Errorf("%x: %v, %v", v, err, b.Peek(v))
				}
			}
		})
	}
	wg.Wait()
	for g := range uint64(8) {
		for i := range uint64(200) {
			if b.Peek(binary.LittleEndian.AppendUint64(nil, g<<32|i)) != nil {
				t.Errorf("%d of %d was forgotten", i, g)
			}
		}
	}
}

// A stack is kept once; another in its place is refused or takes it.
func TestStackTraces(t *testing.T) {
	m, _, _ := make1(t, &bpf.Map{Name: "s", Type: uint32(ebpf.StackTrace), KeySize: 4, ValueSize: 24, MaxEntries: 1})
	s := m.Map.(*StackTrace)
	id, err := s.ID([]uint64{1, 2, 3, 4, 5}, 1)
	if err != nil || id != 0 {
		t.Fatalf("%d, %v", id, err)
	}
	value := make([]byte, 24)
	if err := m.Read(key(0), value); err != nil || value[0] != 2 || value[8] != 3 || value[16] != 4 {
		t.Errorf("%x, %v", value, err)
	}
	for _, c := range []struct {
		stack []uint64
		flags uint64
		want  error
	}{
		{[]uint64{2, 3, 4}, 0, nil},
		{[]uint64{2, 3, 4}, StackFastCompare, nil},
		{[]uint64{2, 3}, 0, EEXIST},
		{[]uint64{2, 3}, 2, EFAULT},
		{nil, 0, EFAULT},
		{[]uint64{9}, StackReuseID, nil},
	} {
		if _, err := s.ID(c.stack, c.flags); err != c.want {
			t.Errorf("%v, flags %#x: %v, want %v", c.stack, c.flags, err, c.want)
		}
	}
	if err := m.Read(key(0), value); err != nil || value[0] != 9 || value[8] != 0 {
		t.Errorf("%x, %v", value, err)
	}
	next := make([]byte, 4)
	if m.NextKey(nil, next) != nil || m.NextKey(next, next) != ENOENT || m.Delete(key(1)) != E2BIG || m.Delete(key(0)) != nil || m.Delete(key(0)) != ENOENT {
		t.Error("keys")
	}
}
