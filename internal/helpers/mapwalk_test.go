package helpers

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// walkers is a run with an array, a per-CPU array, a hash and a program array, each with three entries; its
// callbacks are called.
func walkers(t testing.TB, called func(key, value []byte, ctx uint64) uint64) *Run {
	t.Helper()
	m := &bpf.Module{
		Funcs:  []*bpf.Func{{Name: "f"}, {Name: "callback"}},
		Kfuncs: []string{"bpf_map_sum_elem_count"},
		Maps: []*bpf.Map{
			{Name: "array", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 3},
			{Name: "per_cpu", Type: 6, KeySize: 4, ValueSize: 8, MaxEntries: 3},
			{Name: "hash", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 10},
			{Name: "progs", Type: 3, KeySize: 4, ValueSize: 4, MaxEntries: 3},
			{Name: "ring", Type: 27, MaxEntries: 4096},
		},
	}
	a, err := arena.New(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	env := &maps.Env{Arena: a, Tables: engine.NewTables(m.Maps), CPUs: 2, RCU: new(rcu.Domain)}
	ms, err := maps.New(env, m.Maps)
	if err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, value := make([]byte, 4), make([]byte, 8)
	for i := range byte(3) {
		key[0], value[0] = i, i*10
		for _, inst := range ms[:3] {
			if err := inst.Update(1, key, value, maps.Any); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys, err := a.Alloc(8 * MaxNesting)
	if err != nil {
		t.Fatal(err)
	}
	run := &Run{World: NewWorld(m, env, ms, table, nil), CPU: 1, Keys: keys}
	run.Nested = func(_, fn int, args *[5]uint64) (uint64, error) {
		k, ok := a.Bytes(args[1], 4)
		v, ok2 := a.Bytes(args[2], 8)
		if fn != 1 || !ok || !ok2 {
			return 0, errors.New("a callback got no key or no value")
		}
		return called(k, v, args[3]), nil
	}
	return run
}

func TestForEach(t *testing.T) {
	var keys, values, calls, limit uint64
	run := walkers(t, func(key, value []byte, ctx uint64) uint64 {
		keys, values, calls = keys+uint64(binary.LittleEndian.Uint32(key))+1, values+binary.LittleEndian.Uint64(value), calls+1
		if ctx == 77 && calls == limit {
			return 1
		}
		return 0
	})
	for i := range 3 {
		for limit = 1; limit <= 4; limit++ {
			keys, values, calls = 0, 0, 0
			r0, err := run.Helper(bpf.CallHelper, 164, &[5]uint64{bpf.MapHandle(i), bpf.FuncHandle(1), 77, 0})
			if want := min(limit, 3); err != nil || r0 != want || calls != want {
				t.Errorf("map %d, %d calls at most: %d, %d, %v", i, limit, calls, r0, err)
			}
		}
		if keys != 6 || values != 30 {
			t.Errorf("map %d: keys give %d, values %d", i, keys, values)
		}
		if r0, err := run.Helper(bpf.CallHelper, 164, &[5]uint64{bpf.MapHandle(i), bpf.FuncHandle(1), 0, 1}); r0 != maps.Guest(maps.EINVAL) || err != nil {
			t.Errorf("with flags: %#x, %v", r0, err)
		}
		args := [5]uint64{bpf.MapHandle(i), bpf.FuncHandle(1)}
		if n := testing.AllocsPerRun(100, func() { run.Helper(bpf.CallHelper, 164, &args) }); n != 0 {
			t.Errorf("map %d: going through it allocates %v times", i, n)
		}
	}
	for _, bad := range []struct {
		args [5]uint64
		want string
	}{
		{[5]uint64{bpf.MapHandle(3), bpf.FuncHandle(1)}, "progs"},
		{[5]uint64{bpf.MapHandle(4), bpf.FuncHandle(1)}, "ring"},
		{[5]uint64{bpf.MapHandle(2), bpf.FuncHandle(9)}, "not a function"},
		{[5]uint64{bpf.MapHandle(2), 0}, "not a function"},
		{[5]uint64{1, bpf.FuncHandle(1)}, "not a map"},
	} {
		if _, err := run.Helper(bpf.CallHelper, 164, &bad.args); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%#x: %v, want %s", bad.args, err, bad.want)
		}
	}
}

// Callbacks that go through an array within one have a key each.
func TestForEachNested(t *testing.T) {
	var run *Run
	depth, calls := 0, 0
	run = walkers(t, func(key, _ []byte, _ uint64) uint64 {
		calls++
		was := binary.LittleEndian.Uint32(key)
		if depth++; depth < 3 {
			if r0, err := run.Helper(bpf.CallHelper, 164, &[5]uint64{bpf.MapHandle(0), bpf.FuncHandle(1)}); r0 != 3 || err != nil {
				t.Errorf("at depth %d: %d, %v", depth, r0, err)
			}
		}
		depth--
		if got := binary.LittleEndian.Uint32(key); got != was {
			t.Errorf("at depth %d key %d became %d", depth, was, got)
		}
		return 0
	})
	if r0, err := run.Helper(bpf.CallHelper, 164, &[5]uint64{bpf.MapHandle(0), bpf.FuncHandle(1)}); r0 != 3 || err != nil || calls != 3+9+27 {
		t.Errorf("%d calls, %d, %v", calls, r0, err)
	}
}

func TestLookupPerCPU(t *testing.T) {
	run := walkers(t, nil)
	key, err := run.World.Arena.Alloc(4)
	if err != nil {
		t.Fatal(err)
	}
	look := func(m int, cpu uint64) (uint64, error) {
		return run.Helper(bpf.CallHelper, 195, &[5]uint64{bpf.MapHandle(m), key, cpu})
	}
	d := run.World.Maps[1].Def
	for cpu, want := range map[uint64]uint64{0: d.CPUValues, 1: d.CPUValues + d.CPUSpan, 2: 0, 1<<32 - 1: 0, 1 << 32: d.CPUValues} {
		if at, err := look(1, cpu); at != want || err != nil {
			t.Errorf("processor %d: %#x, %v; want %#x", cpu, at, err, want)
		}
	}
	for _, m := range []int{0, 2} {
		if _, err := look(m, 0); err == nil || !strings.Contains(err.Error(), "no values of processors") {
			t.Errorf("map %d: %v", m, err)
		}
	}
	if n, err := run.Helper(bpf.CallKfunc, 0, &[5]uint64{bpf.MapHandle(2)}); n != 3 || err != nil {
		t.Errorf("the hash has %d elements, %v", n, err)
	}
	if n, err := run.Helper(bpf.CallKfunc, 0, &[5]uint64{bpf.MapHandle(0)}); n != 0 || err != nil {
		t.Errorf("the array has %d elements, %v", n, err)
	}
}
