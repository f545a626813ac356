package ringbuf_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
	"github.com/rivetbpf/rivet/ringbuf"
)

// drained is testdata/world/user_ringbuf.o, whose program drain takes all samples, writes the complement of the first word of each to
// ring buffer events, and stops behind one that is 0x777.
func drained(t testing.TB, e rivet.Engine) (*rivet.Collection, *ringbuf.Writer) {
	t.Helper()
	spec, err := rivet.LoadCollectionSpec("../testdata/world/user_ringbuf.o")
	if err != nil {
		t.Fatal(err)
	}
	c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w, err := ringbuf.NewWriter(c.Maps["samples"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return c, w
}

func word(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func TestNewWriter(t *testing.T) {
	c, w := drained(t, rivet.EngineInterp)
	if w.BufferSize() != 4096 || w.AvailableBytes() != 4096 {
		t.Errorf("buffer of %d bytes, %d free", w.BufferSize(), w.AvailableBytes())
	}
	if _, err := ringbuf.NewWriter(c.Maps["events"]); err == nil || !strings.Contains(err.Error(), "invalid Map type: RingBuf") {
		t.Errorf("writer of a ring buffer: %v", err)
	}
	if _, err := ringbuf.NewWriter(nil); err == nil {
		t.Error("writer of no map")
	}
}

func TestReserve(t *testing.T) {
	_, w := drained(t, rivet.EngineInterp)
	for size, want := range map[int]error{-1: syscall.E2BIG, 4089: syscall.E2BIG, 1 << 40: syscall.E2BIG} {
		if _, err := w.Reserve(size); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
	s, err := w.Reserve(4088)
	if err != nil || len(s.Data()) != 4088 {
		t.Fatal(err)
	}
	if _, err := w.Reserve(0); !errors.Is(err, ringbuf.ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("beyond the end: %v", err)
	}
	s.Discard()
	s.Submit() // too late
	if s.Data() != nil {
		t.Error("a sample has data after Discard")
	}
	w.SetDeadline(time.Now().Add(time.Millisecond))
	if _, err := w.ReserveBlocking(8); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody drains: %v", err)
	}
	w.Close()
	if _, err := w.Write(nil); !errors.Is(err, ringbuf.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// Goroutines write, some waiting for room, while programs drain: every sample arrives once, and each
// goroutine's are in order.
func TestDrainConcurrent(t *testing.T) {
	const writers, each = 4, 1500
	onEngines(t, func(t *testing.T, e rivet.Engine) {
		c, w := drained(t, e)
		r, err := ringbuf.NewReader(c.Maps["events"])
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var wg sync.WaitGroup
		for g := range uint64(writers) {
			own, err := ringbuf.NewWriter(c.Maps["samples"])
			if err != nil {
				t.Fatal(err)
			}
			defer own.Close()
			wg.Go(func() {
				for i := range uint64(each) {
					s, err := own.ReserveBlocking(8 + int(i%100))
					if err != nil {
						t.Error(err)
						return
					}
					if i%10 == 9 {
						s.Discard()
						continue
					}
					binary.LittleEndian.PutUint64(s.Data(), g<<32|i<<4)
					s.Submit()
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		var next [writers]uint64
		count := 0
		var rec ringbuf.Record
		for ended := false; ; {
			select {
			case <-done:
				ended = true
			default:
			}
			run(t, c, "drain", make([]byte, 14))
			r.SetDeadline(time.Now())
			for r.ReadInto(&rec) == nil {
				n := ^binary.LittleEndian.Uint64(rec.RawSample)
				g, i := n>>32, n&(1<<32-1)>>4
				if g >= writers || i < next[g] {
					t.Fatalf("sample %#x, of goroutine %d the next is %d", n, g, next[min(g, writers-1)])
				}
				next[g] = i + 1
				count++
			}
			if ended && w.AvailableBytes() == w.BufferSize() {
				break
			}
		}
		if want := writers * each * 9 / 10; count != want {
			t.Errorf("%d samples, want %d", count, want)
		}
	})
}

func TestWriteAllocatesNothing(t *testing.T) {
	if testenv.Race {
		t.Skip("the race detector allocates")
	}
	c, w := drained(t, rivet.EngineHart)
	opts := &rivet.RunOptions{Data: make([]byte, 14)}
	b := word(3)
	n := testing.AllocsPerRun(200, func() {
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		c.Programs["drain"].Run(opts)
	})
	if n != 0 {
		t.Errorf("a write and a drain make %.0f allocations", n)
	}
}
