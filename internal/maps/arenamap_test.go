package maps

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

func arenaDef(pages uint32) *bpf.Map {
	return &bpf.Map{Name: "arena", Type: uint32(ebpf.Arena), Flags: FMmapable, MaxEntries: pages}
}

// Pages are given to one at a time, are zeroed, and come back when they are freed.
func TestArenaPages(t *testing.T) {
	m, mem, _ := make1(t, arenaDef(200))
	a := m.Map.(*ArenaMap)
	owner := make([]int, 200) // of each page; 0: nobody, -1: reserved
	own := func(first, n uint64, who int) {
		for i := first; i < first+n; i++ {
			owner[i] = who
		}
	}
	free := func(first, n uint64) bool {
		for i := first; i < first+n; i++ {
			if i >= 200 || owner[i] != 0 {
				return false
			}
		}
		return true
	}
	r := rand.New(rand.NewPCG(1, 1))
	for who := 1; who < 20000; who++ {
		first, n := r.Uint64N(210), 1+r.Uint64N(9)
		addr := a.ValueAddr() + first*PageSize
		switch r.IntN(8) {
		case 0, 1, 2:
			got := a.Alloc(0, n)
			if got == 0 {
				for i := range uint64(200) {
					if free(i, n) {
						t.Fatalf("%d pages from %d on are free, and were not given out", n, i)
					}
				}
				continue
			}
			first = (got - a.ValueAddr()) / PageSize
			if !free(first, n) || got%PageSize != 0 {
				t.Fatalf("%d pages at %#x were not free", n, got)
			}
			b, _ := mem.Bytes(got, n*PageSize)
			for _, c := range b {
				if c != 0 {
					t.Fatal("pages are not zeroed")
				}
			}
			b[r.IntN(len(b))] = 1
			own(first, n, who)
		case 3:
			if got := a.Alloc(addr|1<<40, n); got != 0 != free(first, n) || got != 0 && got != addr {
				t.Fatalf("%d pages at %#x: %#x", n, addr, got)
			} else if got != 0 {
				own(first, n, who)
			}
		case 4:
			err := a.Reserve(addr, n)
			want := error(nil)
			if first+n > 200 {
				want = EINVAL
			} else if !free(first, n) {
				want = EBUSY
			}
			if err != want {
				t.Fatalf("reserve %d pages from %d on: %v, want %v", n, first, err, want)
			}
			if err == nil {
				own(first, n, -1)
			}
		default:
			a.Free(addr, n)
			for i := first; i < min(first+n, 200); i++ {
				owner[i] = 0
			}
		}
	}
}

// Who is given pages at the same time as others has them alone.
func TestArenaConcurrent(t *testing.T) {
	m, mem, _ := make1(t, arenaDef(40))
	a := m.Map.(*ArenaMap)
	var wg sync.WaitGroup
	for g := range byte(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 3))
			for range 300 {
				n := 1 + r.Uint64N(6)
				addr := a.Alloc(0, n)
				if addr == 0 {
					continue
				}
				b, _ := mem.Bytes(addr, n*PageSize)
				for i := 0; i < len(b); i += PageSize / 2 {
					if b[i] != 0 {
						t.Errorf("a page holds %d", b[i])
					}
					b[i] = g + 1
				}
				runtime.Gosched()
				for i := 0; i < len(b); i += PageSize / 2 {
					if b[i] != g+1 {
						t.Errorf("a page of %d holds %d", g+1, b[i])
					}
				}
				a.Free(addr, n)
			}
		})
	}
	wg.Wait()
	if !a.free(0, a.pages) {
		t.Error("pages were lost")
	}
}

func TestArenaRefused(t *testing.T) {
	for name, change := range map[string]func(*bpf.Map){
		"key size is 4":           func(d *bpf.Map) { d.KeySize = 4 },
		"value size 8":            func(d *bpf.Map) { d.ValueSize = 8 },
		"is 0, must be between":   func(d *bpf.Map) { d.MaxEntries = 0 },
		"is 1048577, must be":     func(d *bpf.Map) { d.MaxEntries = 1<<20 + 1 },
		"BPF_F_MMAPABLE":          func(d *bpf.Map) { d.Flags = 0 },
		"unknown flags 0x1":       func(d *bpf.Map) { d.Flags |= 1 },
		"must be a multiple":      func(d *bpf.Map) { d.MapExtra = 100 },
		"cross a multiple of 4 G": func(d *bpf.Map) { d.MapExtra = 1<<32 - PageSize },
	} {
		d := arenaDef(2)
		change(d)
		wantRefused(t, d, name)
	}
	a := func() *ArenaMap { m, _, _ := make1(t, arenaDef(1<<20)); return m.Map.(*ArenaMap) }()
	if a.Alloc(0, 1<<32-1) != 0 || a.Alloc(0, maxArenaPages+1) != 0 || a.Alloc(1, 1) != 0 {
		t.Error("pages that there are not were given out")
	}
	a.Free(0, 1)
	a.Free(1<<63, 1<<40)
	if a.Reserve(a.base, 1<<40) != EINVAL || !a.free(0, a.pages) {
		t.Error("pages that there are not were reserved")
	}
}
