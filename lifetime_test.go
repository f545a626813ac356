package rivet_test

import (
	"bytes"
	"errors"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/arena"
)

// More collections are opened, and forgotten, than the address space below 4 GiB
// has room for, by a program that gives the garbage collector no other reason to
// run.
func TestForgottenCollections(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		s := spec(t, "basic")
		rounds := 3
		if opts.Engine == rivet.EngineNative {
			opts.PacketMemory, rounds = 500<<20, 40
		}
		for range rounds {
			c, err := rivet.NewCollectionWithOptions(s, opts)
			if err != nil {
				t.Fatal(err)
			}
			if ret := run(t, c, "count", nil); ret != 110 {
				t.Fatalf("count is %d, want 110", ret)
			}
		}
	})
}

// Where all of it is in use, that is said.
func TestGuestMemoryFull(t *testing.T) {
	if !hasNative() {
		t.Skip("only native engines need memory below 4 GiB")
	}
	s := spec(t, "basic")
	var open []*rivet.Collection
	var err error
	for range 12 {
		var c *rivet.Collection
		if c, err = rivet.NewCollectionWithOptions(s, rivet.CollectionOptions{Engine: rivet.EngineNative, PacketMemory: 1 << 30}); err != nil {
			break
		}
		open = append(open, c)
	}
	if err == nil || !strings.Contains(err.Error(), "below 4 GiB") {
		t.Errorf("opened %d collections of 1 GiB, %v", len(open), err)
	}
	for _, c := range open { // some of them lie above 2 GiB, where addresses have their sign bit set
		if ret := run(t, c, "count", nil); ret != 110 {
			t.Errorf("count is %d, want 110", ret)
		}
		ret, out, err := c.Programs["entry"].Test([]byte{3, 1, 2})
		if err != nil || ret != 1200 || out[0] != 0xee {
			t.Errorf("entry: %d, % x, %v", ret, out, err)
		}
		c.Close()
	}
	runtime.KeepAlive(open)
}

func hasNative() bool {
	for _, e := range rivet.Engines() {
		if e == rivet.EngineNative {
			return true
		}
	}
	return false
}

// A map or a variable is all that is left of a collection.
func TestMapsOutliveCollections(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		s := spec(t, "basic")
		for range 10 {
			c, err := rivet.NewCollectionWithOptions(s, opts)
			if err != nil {
				t.Fatal(err)
			}
			run(t, c, "count", nil)
			counts, level := c.Maps["counts"], c.Variables["level"]
			c.Close()
			c = nil
			runtime.GC()
			var n uint64
			if err := counts.Lookup(uint32(1), &n); err != nil || n != 1 {
				t.Errorf("counts[1] is %d, want 1; %v", n, err)
			}
			var l int32
			if err := level.Get(&l); err != nil || l != -7 {
				t.Errorf("level is %d, want -7; %v", l, err)
			}
		}
	})
	for range 200 {
		runtime.GC()
		if arena.Live() == 0 {
			return
		}
	}
	t.Errorf("%d arenas are left", arena.Live())
}

// What can be done with a closed collection, and what cannot.
func TestAfterClose(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		run(t, c, "count", nil)
		c.Close()
		c.Close()
		if _, err := c.Programs["count"].Run(nil); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("a run: %v", err)
		}
		jump := c.Maps["jump"]
		if err := errors.Join(jump.Put(uint32(0), c.Programs["other"]), jump.Delete(uint32(1)), c.Maps["counts"].Put(uint32(2), uint64(5))); err != nil {
			t.Errorf("changing maps: %v", err)
		}
		if n := counter(t, c, 1); n != 1 {
			t.Errorf("counts[1] is %d, want 1", n)
		}
		if err := jump.Lookup(uint32(1), new(*rivet.Program)); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("an emptied slot: %v", err)
		}
	})
}

// A helper closes the collection whose program called it.
func TestCloseInHelper(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		var c *rivet.Collection
		opts.Helpers = theirs()
		opts.Helpers[0].Func = func(*rivet.HelperCall) (uint64, error) {
			c.Close()
			return 4, nil
		}
		c = load(t, spec(t, "calls"), opts)
		if ret := run(t, c, "user", nil); ret != 405 {
			t.Errorf("user is %d, want 405", ret)
		}
		if _, err := c.Programs["user"].Run(nil); err == nil {
			t.Error("a closed collection runs programs")
		}
	})
}

// A helper's panic comes to the caller with the stack that it happened on.
func TestHelperPanics(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Helpers = soakHelpers()
		opts.MaxRuns = 1 // a place that is not given back is missed at once
		c := load(t, soakSpec(t), opts)
		for kind := uint32(failError); kind < failGoexit; kind++ {
			for range 3 {
				ret, err := c.Programs["fails"].Run(&rivet.RunOptions{Context: xdpInput(kind, 0)})
				if !wantFail(kind, ret, err) {
					t.Errorf("kind %d: %d, %v", kind, ret, err)
				}
			}
		}
		done := make(chan bool)
		go func() {
			defer close(done)
			c.Programs["fails"].Run(&rivet.RunOptions{Context: xdpInput(failGoexit, 0)})
			t.Error("Goexit comes back")
		}()
		<-done
		if ret := run(t, c, "callback", &rivet.RunOptions{Context: xdpInput(5, 0)}); ret != 9*5+8 {
			t.Errorf("callback after Goexit: %d, want 53", ret)
		}
	})
}

// Neither calling helpers of a user nor nested runs allocate.
func TestHelpersAllocateNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Helpers = theirs()
		c := load(t, spec(t, "calls"), opts)
		for _, name := range []string{"user", "callback"} {
			p, o := c.Programs[name], &rivet.RunOptions{Data: []byte{1}}
			p.Run(o)
			if n := testing.AllocsPerRun(100, func() { p.Run(o) }); n > 0 {
				t.Errorf("a run of %s makes %.0f allocations", name, n)
			}
		}
	})
}

// Compiled code names no register that belongs to Go: gp, tp, and s11, which is g.
func TestReservedRegisters(t *testing.T) {
	reserved := regexp.MustCompile(`\b(gp|tp|s11|x3|x4|x27)\b`)
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		var text bytes.Buffer
		opts.Dump, opts.DumpStages, opts.Helpers = &text, []string{"asm"}, append(theirs(), soakHelpers()...)
		for _, s := range []*ebpf.CollectionSpec{spec(t, "basic"), spec(t, "calls"), soakSpec(t)} {
			load(t, s, opts)
		}
		if !strings.Contains(text.String(), "s9") && opts.Engine != rivet.EngineInterp {
			t.Error("no code to look at: fuel is in s9")
		}
		for line := range strings.Lines(text.String()) {
			if reserved.MatchString(line) {
				t.Errorf("%s", line)
			}
		}
	})
}
