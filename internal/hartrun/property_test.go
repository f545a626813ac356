package hartrun_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
)

// The numbered properties of tail calls mixed with subprograms, on every
// engine in both schemes. (4 and 5 are about code: see code_test.go. 8 is about
// maps: see the tests of package rivet.)

// Property 1: the index is compared as 32 bits, unsigned; too large, an empty
// slot or a spent count falls through, with nothing spent.
func TestProperty1IndexIs32BitsAndMissesSpendNothing(t *testing.T) {
	// The ways in which a tail call may know its map and index.
	forms := map[string]string{
		"map known": "mov %r3, %r2\nlddw %r2, map(jump)\ncall 12\n",
		"map in a register": "mov %r3, %r2\nlddw %r2, map(other)\njeq %r3, 12345, +2\n" +
			"lddw %r2, map(jump)\ncall 12\n",
	}
	const head = ".map jump prog_array 4 4 4\n.map other prog_array 4 4 9\n" +
		".slot jump 0 p0\n.slot jump 2 p2\n.slot jump 3 p3\n.slot other 7 p0\n"
	const tail = "mov %r0, 99\nexit\n" +
		".program p0\nmov %r0, 100\nexit\n.program p2\nmov %r0, 102\nexit\n.program p3\nmov %r0, 103\nexit\n"
	indexes := map[uint64]uint64{0: 100, 1: 99, 2: 102, 3: 103, 4: 99, 7: 99, 0x7fff_ffff: 99, 0x8000_0000: 99,
		0xffff_ffff: 99, 1 << 32: 100, 1<<32 | 2: 102, 1<<63 | 3: 103, 1<<32 | 4: 99, ^uint64(0): 99, 0xffff_ffff_0000_0000: 100}
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		for name, form := range forms {
			r := newRig(t, head+form+tail, k, c)
			for index, want := range indexes {
				if got, err := r.run(index); err != nil || got != want {
					t.Errorf("%s, index %#x: r0 %d, %v; want %d", name, index, got, err, want)
				}
			}
		}
		for index, want := range map[int32]uint64{0: 100, 1: 99, 2: 102, 3: 103, 4: 99, 5: 99, -1: 99, -2147483648: 99} {
			r := newRig(t, head+fmt.Sprintf("lddw %%r2, map(jump)\nmov %%r3, %d\ncall 12\n", index)+tail, k, c)
			r.want(want)
		}
		// An entry that counts its runs, misses twice and tail-calls itself runs
		// 34 times, and its last tail call falls through.
		newRig(t, `
			.map jump prog_array 4 4 3
			.slot jump 0 main
			.program main
			mov %r6, %r1
			ldxdw %r1, [%r6+0]
			add %r1, 1
			stxdw [%r6+0], %r1
			mov %r1, %r6
			lddw %r2, map(jump)
			mov %r3, 3
			call 12
			mov %r3, 1
			call 12
			ldxdw %r3, [%r6+8]
			call 12
			mov %r3, 0
			call 12
			ldxdw %r0, [%r6+0]
			exit`, k, c).wantSelf(34, 5)
	})
}

// wantSelf puts a word behind the counter, runs and compares.
func (r *rig) wantSelf(r0, word uint64) {
	r.t.Helper()
	binary.LittleEndian.PutUint64(r.mem[8:], word)
	r.want(r0)
}

// Property 2: the count survives a helper that destroys every caller-saved
// register. (The hart's gate does, the interpreter has no such registers.)
func TestProperty2CountSurvivesHelpers(t *testing.T) {
	const text = `
		.map jump prog_array 4 4 3
		.slot jump 0 main
		.program main
		mov %r6, %r1
		ldxdw %r1, [%r6+0]
		add %r1, 1
		stxdw [%r6+0], %r1
		CALLS
		mov %r1, %r6
		lddw %r2, map(jump)
		mov %r3, 0
		call 12
		ldxdw %r0, [%r6+0]
		exit
		sub:
		call 6
		exit`
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		for _, calls := range []string{
			"call 5",
			"call runtime some",
			"call local sub",
			"call 5\ncall 6\ncall local sub",
			"jeq %r1, 7, +1\ncall 5",         // on one way alone
			"lddw %r1, func(sub)\ncallx %r1", // indirectly
			"mov %r1, 5\ncallx %r1",          // a helper, indirectly
			"mov %r7, 3\nagain: call 5\nsub %r7, 1\njne %r7, 0, again", // in a loop
		} {
			r := newRig(t, strings.Replace(text, "CALLS", calls, 1), k, c)
			if got, err := r.run(); err != nil || got != 34 {
				t.Errorf("%q: %d entries, %v; want 34", calls, got, err)
			}
		}
	})
}

// Property 3: a tail call inside a subprogram unwinds that subprogram alone:
// the caller's R6 to R9 and stack are intact after it.
func TestProperty3CallersFramesAreIntact(t *testing.T) {
	// set and check of a function's own registers and stack bytes.
	set := func(seed, bytes int) string {
		var b strings.Builder
		for r := 6; r <= 9; r++ {
			fmt.Fprintf(&b, "mov %%r%d, %d\n", r, seed+r)
		}
		for off := 8; off <= bytes; off += 8 {
			fmt.Fprintf(&b, "stdw [%%r10-%d], %d\n", off, seed+off)
		}
		return b.String()
	}
	check := func(seed, bytes int) string {
		var b strings.Builder
		for r := 6; r <= 9; r++ {
			fmt.Fprintf(&b, "jne %%r%d, %d, bad%d\n", r, seed+r, seed)
		}
		for off := 8; off <= bytes; off += 8 {
			fmt.Fprintf(&b, "ldxdw %%r1, [%%r10-%d]\njne %%r1, %d, bad%d\n", off, seed+off, seed)
		}
		return b.String() + fmt.Sprintf("ja good%d\nbad%d: mov %%r0, %d\nexit\ngood%d:\n", seed, seed, seed, seed)
	}
	text := ".map jump prog_array 4 4 1\n.slot jump 0 other\n.program main\n" +
		set(1000, 40) + "call local outer\njne %r0, 7, +0\nmov %r2, %r0\n" + check(1000, 40) + "mov %r0, %r2\nadd %r0, 1\nexit\n" +
		"outer:\n" + set(2000, 24) + "call local inner\nmov %r2, %r0\n" + check(2000, 24) + "mov %r0, %r2\nadd %r0, 1\nexit\n" +
		"inner:\n" + set(3000, 72) + "mov %r1, 0\nlddw %r2, map(jump)\nmov %r3, 0\ncall 12\nmov %r0, 5\nexit\n" +
		".program other\n" + set(4000, 256) + "call local deep\n" + check(4000, 256) + "mov %r0, 7\nexit\n" +
		"deep:\n" + set(5000, 128) + "mov %r0, 1\nexit\n"
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		newRig(t, text, k, c).want(9)
	})
}

// Property 6: 33 tail calls from the deepest allowed frames fit the stacks, and
// what lies beside the data stack stays as it is.
func TestProperty6DeepestFramesFit(t *testing.T) {
	for name, text := range map[string]string{
		// Seven frames of 32 bytes above one that uses the rest and tail-calls.
		"subprograms tail-call": deepest(8, 32, 512-7*32, true),
		// 255 bytes above: the most that is allowed.
		"two frames": deepest(2, 240, 512-240, true),
		// The entry tail-calls, after a chain of eight that fills all.
		"entries tail-call": deepest(8, 64, 64, false),
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
				r := newRig(t, text, k, c)
				stack := r.stackTop - stackSize - r.arena.Base()
				all := r.arena.Mem()
				for i := range all {
					all[i] = byte(i*7 + i>>8)
				}
				clear(r.mem)
				before := bytes.Clone(all)
				r.want(34)
				copy(before[r.memAt-r.arena.Base():], r.mem)
				copy(before[stack:][:stackSize], all[stack:])
				if !bytes.Equal(before, all) {
					t.Error("memory beside the stack has changed")
				}
			})
		})
	}
}

// deepest makes a chain of functions, with frame bytes each and last bytes in
// the last one, that tail-calls the entry from its end, or from the entry when
// the chain has returned. Every function fills its registers and its frame with
// what differs from one entry to the next, calls, and checks. The memory counts
// entries; a check that fails sets R0 to more than can be counted.
func deepest(depth, frame, last int, fromLast bool) string {
	var b strings.Builder
	b.WriteString(".map jump prog_array 4 4 1\n.slot jump 0 main\n.program main\n" +
		"ldxdw %r2, [%r1+0]\nadd %r2, 1\nstxdw [%r1+0], %r2\nmul %r2, 1000\n")
	tailCall := "lddw %r2, map(jump)\nmov %r3, 0\ncall 12\n"
	for i := range depth {
		bytes := frame
		if i == depth-1 {
			bytes = last
		}
		if i > 0 {
			fmt.Fprintf(&b, "f%d:\n", i)
		}
		// R1: the memory, R2: what this chain fills frames with.
		fmt.Fprintf(&b, "mov %%r6, %%r1\nmov %%r7, %%r2\nmov %%r8, %%r2\nadd %%r8, %d\nmov %%r9, %%r8\nmul %%r9, 3\n", i)
		for off := 8; off <= bytes; off += 8 {
			fmt.Fprintf(&b, "stxdw [%%r10-%d], %%r9\n", off)
		}
		if i < depth-1 {
			fmt.Fprintf(&b, "call local f%d\nmov %%r2, %%r7\nadd %%r2, %d\njne %%r2, %%r8, bad%d\n", i+1, i, i)
			fmt.Fprintf(&b, "mul %%r2, 3\njne %%r2, %%r9, bad%d\n", i)
			for off := 8; off <= bytes; off += 8 {
				fmt.Fprintf(&b, "ldxdw %%r1, [%%r10-%d]\njne %%r1, %%r9, bad%d\n", off, i)
			}
		}
		if fromLast == (i == depth-1) && (fromLast || i == 0) {
			b.WriteString("mov %r1, %r6\n" + tailCall)
		}
		fmt.Fprintf(&b, "ldxdw %%r0, [%%r6+0]\nexit\nbad%d: stdw [%%r6+0], %d\nmov %%r0, 0\nexit\n", i, 1000+i)
	}
	return b.String()
}

// Property 7: a slot may be replaced while programs run: each tail call reaches
// the old or the new program, whole, or falls through where the slot was emptied.
func TestProperty7SlotsReplacedWhileRunning(t *testing.T) {
	// Both programs leave a word, do some work in a subprogram and return what
	// they left and what they know.
	program := func(name string, n int) string {
		return fmt.Sprintf(".program %s\nmov %%r6, %%r1\nstdw [%%r10-%d], %d\ncall local work\nadd %%r0, %d\n"+
			"ldxdw %%r1, [%%r10-%d]\nadd %%r0, %%r1\nexit\nwork:\nmov %%r0, %d\nexit\n", name, 8*n, n, n, 8*n, n)
	}
	text := `
		.map jump prog_array 4 4 1
		.slot jump 0 one
		.program main
		call local sub
		add %r0, 100
		exit
		sub:
		lddw %r2, map(jump)
		mov %r3, 0
		call 12
		mov %r0, 0
		exit
		` + program("one", 1) + program("seven", 7)
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		r := newRig(t, text, k, c)
		slots, _ := r.tables.Of(0)
		values := []uint64{r.target("one"), r.target("seven"), 0}
		results := map[uint64]*atomic.Int64{103: {}, 121: {}, 100: {}}
		var done atomic.Bool
		var wg sync.WaitGroup
		for i := range 3 {
			at, _ := r.alloc(bpf.MaxStack)
			req := r.request()
			req.StackTop = at + bpf.MaxStack
			wg.Go(func() {
				for n := 0; n < 20000 && !(n > 500 && seen(results)); n++ {
					res, err := r.engine.Run(req)
					if err != nil || results[res.R0] == nil {
						t.Errorf("goroutine %d: r0 %d, %v", i, res.R0, err)
						return
					}
					results[res.R0].Add(1)
				}
			})
		}
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := 0; !done.Load(); i++ {
				atomic.StoreUint64(&slots[0], values[i%len(values)])
			}
		})
		wg.Wait()
		done.Store(true)
		writer.Wait()
		if !seen(results) {
			t.Logf("not every program was reached: one %d, seven %d, none %d",
				results[103].Load(), results[121].Load(), results[100].Load())
		}
	})
}

func seen(results map[uint64]*atomic.Int64) bool {
	for _, n := range results {
		if n.Load() == 0 {
			return false
		}
	}
	return true
}

// TestFlowOfDesign is the example of the contract: by value, main 33, foo 32,
// its subprogram 32, foo2 31, and back in foo 32; shared, foo goes on with 31.
func TestFlowOfDesign(t *testing.T) {
	const text = `
		.map jump prog_array 4 4 2
		.slot jump 0 foo
		.slot jump 1 foo2
		.program main
		lddw %r2, map(jump)
		mov %r3, 0
		call 12
		mov %r0, 0
		exit
		.program foo
		mov %r6, %r1
		call local sub
		mov %r1, %r6
		lddw %r2, map(jump)
		mov %r3, 5
		call 12
		exit
		sub:
		lddw %r2, map(jump)
		mov %r3, 1
		call 12
		mov %r0, 1
		exit
		.program foo2
		mov %r0, 2
		exit`
	want := map[engine.Scheme][]int{engine.Shared: {33, 32, 32, 31, 31, 31, 31}, engine.Propagated: {33, 32, 32, 31, 32, 32, 32}}
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		if k.Untraced {
			return
		}
		r := newRig(t, text, k, c)
		var counts []int
		req := r.request()
		req.Trace = func(e *engine.Event) { counts = append(counts, e.Count) }
		if _, err := r.engine.Run(req); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(counts) != fmt.Sprint(want[c.Scheme]) {
			t.Errorf("counts %v, want %v", counts, want[c.Scheme])
		}
	})
}
