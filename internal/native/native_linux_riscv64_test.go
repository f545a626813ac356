package native

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
)

func TestMain(m *testing.M) {
	Poison = true
	os.Exit(m.Run())
}

// helper is a gate that is a function.
type helper func(id int32, args *[5]uint64) (uint64, error)

func (h helper) Helper(_ uint8, id int32, args *[5]uint64) (uint64, error) { return h(id, args) }

// rig is one program, ready to run.
type rig struct {
	*Engine
	req engine.Request
}

func newRig(t testing.TB, text string, h helper, scheme engine.Scheme) *rig {
	t.Helper()
	u, err := bpfasm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := u.Module()
	if err != nil {
		t.Fatal(err)
	}
	ar, err := arena.Map(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mod.Maps {
		if m.Type == bpf.MapTypeArray {
			if m.Values, err = ar.Alloc(m.Stride() * uint64(m.MaxEntries)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tables := engine.NewTables(mod.Maps)
	e, err := New(mod, ar, tables, Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	const stack = (1 + bpf.MaxTailCalls) * bpf.MaxStack
	at, err := ar.Alloc(stack)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Engine: e, req: engine.Request{StackTop: at + stack, Gate: h}}
}

func (r *rig) run(t testing.TB, args ...uint64) uint64 {
	t.Helper()
	copy(r.req.Args[:], args)
	res, err := r.Run(&r.req)
	if err != nil {
		t.Fatal(err)
	}
	return res.R0
}

// permissions returns what /proc/self/maps says about an address.
func permissions(t *testing.T, addr uintptr) string {
	t.Helper()
	for _, m := range maps(t) {
		if m.start <= uint64(addr) && uint64(addr) < m.end {
			return m.perm
		}
	}
	return ""
}

type mapping struct {
	start, end uint64
	perm       string
	line       string
}

func maps(t *testing.T) (l []mapping) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		m := mapping{line: line}
		if _, err := fmt.Sscanf(line, "%x-%x %s", &m.start, &m.end, &m.perm); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		l = append(l, m)
	}
	return l
}

const double = `.program p xdp
	mov r6, r1
	call 1
	add r0, r6
	exit
`

func addOne(_ int32, args *[5]uint64) (uint64, error) { return args[0] + 1, nil }

// Code cannot be written and data not be executed, while a run is in flight
// too; pages that nobody may touch lie around stacks and guest memory.
func TestProtection(t *testing.T) {
	var r *rig
	looked := false
	r = newRig(t, double, func(id int32, args *[5]uint64) (uint64, error) {
		looked = true
		r.checkProtection(t)
		return addOne(id, args)
	}, engine.Shared)
	if got := r.run(t, 20); got != 41 || !looked {
		t.Errorf("%d, want 41", got)
	}
	r.Close()
	if p := permissions(t, uintptr(r.Base)); strings.Contains(p, "x") {
		t.Errorf("after Close the code is still there: %s", p)
	}
}

func (r *rig) checkProtection(t *testing.T) {
	m, err := newMachine()
	if err != nil {
		t.Fatal(err)
	}
	defer m.free()
	top := uintptr(m.stackTop())
	page := uintptr(pageSize)
	mem := r.Engine.Arena.Mem()
	low := uintptr(unsafe.Pointer(&mem[0]))
	for _, at := range []struct {
		what string
		addr uintptr
		want string
	}{
		{"code", uintptr(r.Base), "r-xp"},
		{"state", top, "rw-p"},
		{"top of the control stack", top - 8, "rw-p"},
		{"bottom of the control stack", top - controlSize, "rw-p"},
		{"below the control stack", top - controlSize - 8, "---p"},
		{"first page below the control stack", top - controlSize - page, "---p"},
		{"behind the state", top + page, "---p"},
		{"guest memory", low, "rw-p"},
		{"below guest memory", low - 8, "---p"},
		{"behind guest memory", low + uintptr(len(mem)) + page, "---p"},
	} {
		if p := permissions(t, at.addr); p != at.want {
			t.Errorf("%s, at %#x: %q, want %q", at.what, at.addr, p, at.want)
		}
	}
	for _, m := range maps(t) {
		if strings.Contains(m.perm, "w") && strings.Contains(m.perm, "x") {
			t.Errorf("writable and executable: %s", m.line)
		}
	}
}

// gone waits until no more than want mappings are left.
func gone(t *testing.T, want int) {
	t.Helper()
	for range 500 {
		runtime.GC()
		if Mappings() <= want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d mappings are left, want %d", Mappings(), want)
}

func TestClose(t *testing.T) {
	gone(t, 0)
	r := newRig(t, double, addOne, engine.Shared)
	r.run(t, 1)
	if n := Mappings(); n != 2 {
		t.Errorf("%d mappings, want code and stack", n)
	}
	for range 2 {
		r.Close()
	}
	if n := Mappings(); n != 0 {
		t.Errorf("%d mappings are left after Close", n)
	}
	if _, err := r.Run(&r.req); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a run after Close: %v", err)
	}
	gone(t, 0)
}

// Close while a run is in flight, and runs inside of it begin, takes effect afterwards.
func TestCloseInFlight(t *testing.T) {
	gone(t, 0)
	var r *rig
	r = newRig(t, double, func(id int32, args *[5]uint64) (uint64, error) {
		if args[0] > 3 {
			return addOne(id, args)
		}
		r.Close()
		inner := r.req
		inner.Args[0] = args[0] + 1
		res, err := r.Run(&inner)
		return res.R0, err
	}, engine.Propagated)
	if got := r.run(t, 1); got != 1+2+3+4+5 {
		t.Errorf("%d, want 15", got)
	}
	if n := Mappings(); n != 0 {
		t.Errorf("%d mappings are left after the last run", n)
	}
}

// What an engine maps does not outlive it.
func TestForgotten(t *testing.T) {
	gone(t, 0)
	arenas := arena.Live()
	for range 20 {
		newRig(t, double, addOne, engine.Shared).run(t, 3)
	}
	gone(t, 0)
	for range 100 {
		if arena.Live() <= arenas {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d arenas are left, want %d", arena.Live(), arenas)
}

// A helper that panics, or ends its goroutine, leaves the engine as it was.
func TestUnwinding(t *testing.T) {
	gone(t, 0)
	bad := true
	var leave func()
	r := newRig(t, double, func(id int32, args *[5]uint64) (uint64, error) {
		if bad {
			leave()
		}
		return addOne(id, args)
	}, engine.Shared)
	for what, f := range map[string]func(){
		"panic":  func() { panic("told to") },
		"fault":  func() { var p *int; *p = 1 },
		"Goexit": runtime.Goexit,
	} {
		bad, leave = true, f
		done := make(chan any)
		go func() {
			defer func() { done <- recover() }()
			r.Run(&r.req)
		}()
		if p := <-done; (p == nil) != (what == "Goexit") {
			t.Errorf("%s: recovered %v", what, p)
		}
		bad = false
		if got := r.run(t, 20); got != 41 {
			t.Errorf("after %s: %d, want 41", what, got)
		}
		if n := Mappings(); n != 2 {
			t.Errorf("after %s: %d mappings, want 2", what, n)
		}
	}
	r.Close()
}

// Under test, a helper leaves nothing in the registers that it may destroy.
func TestPoison(t *testing.T) {
	r := newRig(t, double, addOne, engine.Shared)
	if got := r.run(t, 20); got != 41 {
		t.Errorf("%d, want 41", got)
	}
	x := &r.held.first.st.x
	for _, n := range []rv.Reg{rv.RA, rv.T0, rv.T1, rv.T2, rv.A1, rv.A2, rv.A3, rv.A4, rv.A6, rv.A7, rv.T3, rv.T4, rv.T5} {
		if x[n] != poison {
			t.Errorf("%v is %#x behind a helper", n, x[n])
		}
	}
}

// Neither a run nor a helper call nor a slice of fuel allocates.
func TestRunsAllocateNothing(t *testing.T) {
	r := newRig(t, `.program p xdp
	mov r6, r1
	mov r7, 0
loop:
	mov r1, r7
	call 1
	mov r7, r0
	jlt r7, r6, loop
	mov r0, r7
	exit
`, addOne, engine.Shared)
	r.run(t, 10)
	if n := testing.AllocsPerRun(20, func() { r.run(t, 20000) }); n > 0 {
		t.Errorf("a run allocates %v times", n)
	}
}

// Registers and stack survive the end of a slice of fuel, wherever it comes.
func TestSlices(t *testing.T) {
	r := newRig(t, `.program p xdp
	mov r6, r1
	mov r2, 2
	mov r3, 3
	mov r4, 4
	mov r5, 5
	mov r7, 7
	mov r8, 8
	mov r9, 9
	stxdw [r10-8], r1
	mov r0, 0
loop:
	add r0, r2
	add r0, r3
	add r0, r4
	add r0, r5
	add r0, r7
	add r0, r8
	add r0, r9
	add r6, -1
	jne r6, 0, loop
	ldxdw r1, [r10-8]
	add r0, r1
	exit
`, addOne, engine.Shared)
	for _, n := range []uint64{1, 4095, 4096, 4097, 4098, 100_000, 1_000_000} {
		if got := r.run(t, n); got != 39*n {
			t.Errorf("%d rounds: %d, want %d", n, got, 39*n)
		}
	}
}
