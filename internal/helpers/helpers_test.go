package helpers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// world is guest memory with an array map and a program array, and 256 bytes at addr.
func world(t testing.TB, print *bytes.Buffer, extra ...*Helper) (run *Run, mem []byte, addr uint64) {
	t.Helper()
	m := &bpf.Module{
		Funcs:  []*bpf.Func{{Name: "f"}},
		Kfuncs: []string{"kf"},
		Maps: []*bpf.Map{
			{Name: "array", Type: 2, KeySize: 4, ValueSize: 12, MaxEntries: 3},
			{Name: "progs", Type: 3, KeySize: 4, ValueSize: 4, MaxEntries: 3},
			{Name: "wo", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 3, Flags: maps.FWronlyProg},
		},
	}
	a, err := arena.New(maps.Memory(m.Maps, 2).Fixed + 1<<19)
	if err != nil {
		t.Fatal(err)
	}
	env := &maps.Env{Arena: a, Tables: engine.NewTables(m.Maps), CPUs: 2, RCU: new(rcu.Domain)}
	ms, err := maps.New(env, m.Maps)
	if err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(m, extra)
	if err != nil {
		t.Fatal(err)
	}
	if addr, err = a.Alloc(256); err != nil {
		t.Fatal(err)
	}
	mem, _ = a.Bytes(addr, 256)
	w := NewWorld(m, env, ms, table, print)
	return &Run{World: w, Ctx: mem[:16], CtxAt: addr}, mem, addr
}

func TestMapHelpers(t *testing.T) {
	run, mem, at := world(t, nil)
	array := bpf.MapHandle(0)
	neg := func(e maps.Errno) uint64 { return maps.Guest(e) }
	call := func(id int32, args ...uint64) uint64 {
		t.Helper()
		var a [5]uint64
		copy(a[:], args)
		r0, err := run.Helper(bpf.CallHelper, id, &a)
		if err != nil {
			t.Fatal(err)
		}
		return r0
	}
	mem[0] = 2
	copy(mem[8:], "hello world!")
	if r := call(2, array, at, at+8, 0); r != 0 {
		t.Errorf("update gives %#x", r)
	}
	v := call(1, array, at)
	if b, ok := run.World.Arena.Bytes(v, 12); !ok || string(b) != "hello world!" {
		t.Errorf("lookup gives %#x: %q", v, b)
	}
	if v%8 != 0 {
		t.Errorf("value at %#x, not a multiple of 8", v)
	}
	if r := call(2, array, at, at+8, maps.NoExist); r != neg(maps.EEXIST) {
		t.Errorf("update with NOEXIST gives %#x", r)
	}
	if r := call(3, array, at); r != neg(maps.EINVAL) {
		t.Errorf("delete gives %#x", r)
	}
	mem[0] = 3
	if r := call(1, array, at); r != 0 {
		t.Errorf("lookup beyond the map gives %#x", r)
	}
	if r := call(2, array, at, at+8, 0); r != neg(maps.E2BIG) {
		t.Errorf("update beyond the map gives %#x", r)
	}
}

// Whatever is wrong with an argument is an error that says which one and why.
func TestArguments(t *testing.T) {
	none := func(*Call) (uint64, error) { return 1, nil }
	run, _, at := world(t, nil,
		&Helper{ID: 600, Name: "sized", Fn: none, Args: []Arg{{Name: "p", Kind: Mem, Nullable: true}, {Name: "n", Kind: SizeOrZero}}},
		&Helper{ID: 601, Name: "fixed", Fn: none, Args: []Arg{{Name: "p", Kind: MemW, Size: 16}}},
		&Helper{ID: 602, Name: "ctx", Fn: none, Args: []Arg{{Name: "c", Kind: Ctx}}},
		&Helper{ID: 603, Name: "func", Fn: none, Args: []Arg{{Name: "f", Kind: Func}}},
		&Helper{ID: 604, Name: "positive", Fn: none, Args: []Arg{{Name: "p", Kind: Mem}, {Name: "n", Kind: Size}}},
		&Helper{Name: "kf", Fn: none, Args: []Arg{{Name: "p", Kind: Mem, Size: 4}}},
	)
	end := run.World.Arena.Base() + run.World.Arena.Size()
	for _, test := range []struct {
		kind uint8
		id   int32
		args [5]uint64
		want string // "" where nothing is wrong
	}{
		{0, 1, [5]uint64{bpf.MapHandle(0), at}, ""},
		{0, 1, [5]uint64{bpf.MapHandle(9), at}, "map_lookup_elem: argument 1 (map): 0x7f000090: not a map"},
		{0, 1, [5]uint64{at, at}, "argument 1 (map)"},
		{0, 1, [5]uint64{bpf.MapHandle(1), at}, `map "progs" is of kind ProgramArray`},
		{0, 1, [5]uint64{bpf.MapHandle(2), at}, "write-only for programs"},
		{0, 1, [5]uint64{bpf.MapHandle(0), 0}, "argument 2 (key): 4 bytes at 0x0: a NULL pointer"},
		{0, 1, [5]uint64{bpf.MapHandle(0), end - 3}, "argument 2 (key): 4 bytes at"},
		{0, 1, [5]uint64{bpf.MapHandle(0), end - 4}, ""},
		{0, 2, [5]uint64{bpf.MapHandle(0), at, end - 11}, "argument 3 (value): 12 bytes at"},
		{0, 2, [5]uint64{bpf.MapHandle(0), at, ^uint64(0)}, "argument 3 (value): 12 bytes at 0xffffffffffffffff: outside guest memory"},
		{0, 600, [5]uint64{at, 256}, ""},
		{0, 600, [5]uint64{at, 0}, ""},
		{0, 600, [5]uint64{5, 0}, ""},
		{0, 600, [5]uint64{0, 256}, ""},
		{0, 600, [5]uint64{at, 1 << 20}, "argument 1 (p): 1048576 bytes at"},
		{0, 600, [5]uint64{at, ^uint64(0)}, "argument 2 (n): 0xffffffffffffffff: a size that is negative"},
		{0, 604, [5]uint64{at, 0}, "argument 2 (n): 0x0: a size of 0"},
		{0, 604, [5]uint64{0, 4}, "a NULL pointer"},
		{0, 601, [5]uint64{at}, ""},
		{0, 601, [5]uint64{end - 15}, "16 bytes"},
		{0, 602, [5]uint64{at}, ""},
		{0, 602, [5]uint64{at + 8}, "not the program's context"},
		{0, 603, [5]uint64{bpf.FuncHandle(0)}, ""},
		{0, 603, [5]uint64{bpf.FuncHandle(1)}, "not a function"},
		{0, 603, [5]uint64{0}, "not a function"},
		{bpf.CallKfunc, 0, [5]uint64{at}, ""},
		{bpf.CallKfunc, 0, [5]uint64{1}, "kf: argument 1 (p): 4 bytes at 0x1"},
		{bpf.CallKfunc, 1, [5]uint64{at}, "no kfunc 1"},
		{0, 400, [5]uint64{}, "no helper 400"},
		{0, 60000, [5]uint64{}, "no helper 60000"},
		{0, -1, [5]uint64{}, "no helper -1"},
	} {
		_, err := run.Helper(test.kind, test.id, &test.args)
		switch {
		case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("helper %d(%#x): %v, want %q", test.id, test.args, err, test.want)
		}
	}
}

func TestNesting(t *testing.T) {
	var run *Run
	deepest := 0
	again := &Helper{ID: 600, Name: "again", Fn: func(c *Call) (uint64, error) {
		deepest = max(deepest, c.Depth())
		return run.Helper(bpf.CallHelper, 600, &c.Args)
	}}
	run, _, _ = world(t, nil, again)
	for range 3 {
		if _, err := run.Helper(bpf.CallHelper, 600, &[5]uint64{}); err == nil || !strings.Contains(err.Error(), "nest deeper than") {
			t.Errorf("error is %v", err)
		}
	}
	if deepest != MaxNesting {
		t.Errorf("helpers nest %d deep, want %d", deepest, MaxNesting)
	}
}

func TestPrintk(t *testing.T) {
	var out bytes.Buffer
	run, mem, at := world(t, &out)
	for _, test := range []struct {
		format string // with what ends it
		args   [3]uint64
		want   string
		ret    int64
	}{
		{"plain\x00", [3]uint64{}, "plain\n", 5},
		{"line\n\x00", [3]uint64{}, "line\n", 5},
		{"\x00", [3]uint64{}, "\n", 0},
		{"a\x00b\x00", [3]uint64{}, "a\n", 1},
		{"%s|%5s|%-5s|\x00", [3]uint64{at + 100, at + 100, at + 100}, "str|  str|str  |\n", 16},
		{"%p\x00", [3]uint64{0xabc}, "0000000000000abc\n", 16},
		{"%px %pK\x00", [3]uint64{1, 2}, "0000000000000001 0000000000000002\n", 33},
		{"[%s]\x00", [3]uint64{}, "[]\n", 2},
		{"[%s%s]\x00", [3]uint64{12, ^uint64(0)}, "[]\n", 2}, // what cannot be read is empty
		{"%ps %pS %20pB|\x00", [3]uint64{0xabc, 1, 2}, "0xabc 0x1 0x2|\n", 14},
		{"%pks|%pus|%7s|\x00", [3]uint64{at + 100, at + 100, at + 100}, "str||    str|\n", 13},
		{"%pI4 %pi4|%pI4xyz|\x00", [3]uint64{at + 100, at + 100, 7}, "115.116.114.0 115.116.114.000|0.0.0.0|\n", 38},
		{"%pi6|%pI6\x00", [3]uint64{at + 100, at + 100}, "73747200000000000000000000000000|7374:7200:0000:0000:0000:0000:0000:0000\n", 72},
		{"%20p|%-20px|%020pK\x00", [3]uint64{1, 2, 3}, "                   1|2                   |00000000000000000003\n", 62},
		{"%sx\x00", [3]uint64{}, "", -22}, {"%pa\x00", [3]uint64{}, "", -22}, {"%pI5\x00", [3]uint64{}, "", -22}, {"%pksx\x00", [3]uint64{}, "", -22},
		{"no nul", [3]uint64{}, "", -22},
		{"%d %d %d %d\x00", [3]uint64{}, "", -22},
		{"\x1b\x00", [3]uint64{}, "", -22},
		{"%", [3]uint64{}, "", -22},
	} {
		clear(mem)
		copy(mem, test.format)
		copy(mem[100:], "str\x00")
		out.Reset()
		r0, err := run.Helper(bpf.CallHelper, 6, &[5]uint64{at, uint64(len(test.format)), test.args[0], test.args[1], test.args[2]})
		if err != nil || out.String() != test.want || int64(r0) != test.ret {
			t.Errorf("%q: %q, %d, %v; want %q, %d", test.format, out.String(), int64(r0), err, test.want, test.ret)
		}
	}
}

// A message longer than Linux's buffer is cut, not refused.
func TestPrintkLong(t *testing.T) {
	var out bytes.Buffer
	run, mem, at := world(t, &out)
	copy(mem, "%2000d\x00")
	r0, err := run.Helper(bpf.CallHelper, 6, &[5]uint64{at, 7, 1})
	if err != nil || r0 != 2000 || out.Len() != maxPrintk {
		t.Errorf("returned %d, wrote %d bytes, %v", r0, out.Len(), err)
	}
}

func TestNothingAllocates(t *testing.T) {
	var out bytes.Buffer
	run, mem, at := world(t, &out)
	copy(mem, "%d %s %llx\x00")
	out.Grow(1 << 20)
	args := map[int32]*[5]uint64{
		1: {bpf.MapHandle(0), at + 64}, 2: {bpf.MapHandle(0), at + 64, at + 72}, 5: {}, 6: {at, 11, 1, at, 3}, 7: {}, 8: {},
		14: {}, 15: {}, 16: {at + 100, 16}, 35: {}, 80: {}, 109: {1}, 113: {at + 100, 8, at}, 115: {at + 100, 8, at}, 182: {at, 3, at},
	}
	for id, a := range args {
		run.Helper(bpf.CallHelper, id, a)
		if n := testing.AllocsPerRun(100, func() { run.Helper(bpf.CallHelper, id, a) }); n != 0 {
			t.Errorf("%s allocates %.0f times", Name(id), n)
		}
	}
}

func TestNames(t *testing.T) {
	for id, want := range map[int32]string{1: "map_lookup_elem", 5: "ktime_get_ns", 7: "get_prandom_u32", 10: "l3_csum_replace", 44: "xdp_adjust_head", 0: "", -1: "", 9999: ""} {
		if got := Name(id); got != want {
			t.Errorf("helper %d is %q, want %q", id, got, want)
		}
	}
	for _, s := range subjects {
		for _, h := range s {
			if err := h.check(); err != nil || h.ID != 0 && Name(h.ID) != h.Name {
				t.Errorf("helper %d is %q in Linux, %q here; %v", h.ID, Name(h.ID), h.Name, err)
			}
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	run, _, at := world(b, nil)
	args := [5]uint64{bpf.MapHandle(0), at}
	for b.Loop() {
		run.Helper(bpf.CallHelper, 1, &args)
	}
}
