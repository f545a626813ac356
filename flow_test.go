package rivet_test

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// world loads an object of testdata/world.
func world(t *testing.T, name string, opts rivet.CollectionOptions) *rivet.Collection {
	t.Helper()
	s, err := rivet.LoadCollectionSpec("testdata/world/" + name + ".o")
	if err != nil {
		t.Fatal(err)
	}
	c, err := rivet.NewCollectionWithOptions(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func word(t *testing.T, c *rivet.Collection, m string, key uint32) uint64 {
	t.Helper()
	b, err := c.Maps[m].LookupBytes(key)
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(b)
}

// By a clock that the user sets, timers go off when he says so, and in order.
func TestTimersByTheUsersClock(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		var now atomic.Uint64
		now.Store(1 << 20)
		opts.Clock = now.Load
		c := world(t, "timer", opts)
		packet := &rivet.RunOptions{Data: make([]byte, 64)}
		for _, p := range []string{"once", "absolute", "thrice", "ahead"} {
			run(t, c, p, packet)
		}
		for _, step := range []struct {
			advance                uint64
			due                    int
			once, absolute, thrice uint64
		}{
			{0, 1, 0, 0, 1}, // thrice begins at once, and then every microsecond
			{0, 0, 0, 0, 1},
			{999, 0, 0, 0, 1},
			{1, 2, 1, 0, 2},
			{1000, 1, 1, 0, 3},
			{1000, 0, 1, 0, 3},
			{1e6, 1, 1, 1, 3},
			{1e6, 0, 1, 1, 3},
		} {
			now.Add(step.advance)
			if n := c.RunTimers(); n != step.due {
				t.Errorf("at %d, %d timers were due, want %d", now.Load(), n, step.due)
			}
			if a, b, d := word(t, c, "timers", 3), word(t, c, "timers", 4), word(t, c, "timers", 5); a != step.once || b != step.absolute || d != step.thrice {
				t.Errorf("at %d, they have gone off %d, %d, %d times, want %d, %d, %d", now.Load(), a, b, d, step.once, step.absolute, step.thrice)
			}
		}
		now.Add(3600e9)
		if n := c.RunTimers(); n != 1 {
			t.Errorf("%d timers were due an hour later, want 1", n)
		}
		if v, err := c.Maps["timers"].LookupBytes(uint32(7)); err != nil || binary.LittleEndian.Uint64(v[24:]) != 7 {
			t.Errorf("its function has noted %x, %v: want its key", v, err)
		}
	})
}

// Closing cancels what waits and ends what runs.
func TestCloseEndsTimers(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.MaxRuns = 1
		c := world(t, "timer", opts)
		for _, p := range []string{"ahead", "once", "thrice"} {
			run(t, c, p, &rivet.RunOptions{Data: make([]byte, 64)})
		}
		done := make(chan struct{})
		go func() {
			c.Close()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("Close waits for a timer that is an hour ahead")
		}
		at := word(t, c, "timers", 5)
		time.Sleep(5 * time.Millisecond)
		if now := word(t, c, "timers", 5); now != at {
			t.Errorf("a timer goes off behind Close: %d times, then %d", at, now)
		}
	})
}

// Values under a bpf_spin_lock are whole, whoever writes them: programs, users, at once.
func TestSpinLockedValues(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := world(t, "spin_lock", opts)
		const each = 200
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				packet := &rivet.RunOptions{Data: make([]byte, 64)}
				for i := range each {
					if g%2 == 0 {
						if _, err := c.Programs["both"].Run(packet); err != nil {
							t.Error(err)
						}
						continue
					}
					var v []byte
					if err := c.Maps["values"].LookupWithFlags(uint32(1), &v, ebpf.LookupLock); err != nil {
						t.Error(err)
						return
					}
					if a, b := binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint32(v[12:]); uint64(b) != 2*a {
						t.Errorf("read %d and %d under the lock, which are changed together", a, b)
					}
					binary.LittleEndian.PutUint64(v, uint64(i))
					binary.LittleEndian.PutUint32(v[12:], uint32(2*i))
					if err := c.Maps["values"].Update(uint32(1), v, ebpf.UpdateLock); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// The fault of a timer's function reaches who asked for it.
func TestFaultOfTimer(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		faults := make(chan error, 1)
		opts.OnFault = func(err error) { faults <- err }
		c := load(t, spec(t, "timerfault"), opts)
		if ret := run(t, c, "start", &rivet.RunOptions{Data: make([]byte, 64)}); ret != 0 {
			t.Fatalf("start is %d", int32(ret))
		}
		select {
		case err := <-faults:
			var f *rivet.Fault
			if !errors.As(err, &f) || f.Kind != rivet.FaultAccess || f.Addr != 16 || f.Function != "wild" {
				t.Errorf("the fault is %+v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("no fault was told")
		}
	})
}

// Nodes of a list are lost by nobody and had by one, however many push and pop.
func TestListFromManyRuns(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := world(t, "list", opts)
		const each = 100 // times 4 nodes
		var drained atomic.Int64
		drain := func() uint32 { return run(t, c, "empty", &rivet.RunOptions{Data: make([]byte, 64)}) }
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for range each {
					if g%2 == 0 {
						run(t, c, "refill", &rivet.RunOptions{Data: make([]byte, 64)})
					} else if n := int32(drain()); n >= 0 {
						drained.Add(int64(n))
					} else {
						drained.Add(16) // it stops behind so many
					}
				}
			})
		}
		wg.Wait()
		for n := int32(-1); n != 0; {
			if n = int32(drain()); n < 0 {
				drained.Add(16)
			}
			drained.Add(int64(max(n, 0)))
		}
		if n := drained.Load(); n != 4*4*each {
			t.Errorf("%d nodes came out, %d went in", n, 4*4*each)
		}
	})
}
