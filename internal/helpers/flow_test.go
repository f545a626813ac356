package helpers

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// stage is a world in which kfuncs are called by name.
type stage struct {
	*testing.T
	run  *Run
	mem  []byte // 512 bytes at at
	at   uint64
	kept *bpf.Map // an array of one value: kptr at 0, list head at 8, lock at 24
	vals uint64   // address of that value
}

// thing has 8 bytes, a list node, a tree node and a reference count; its BTF ID is 7.
var thing = &bpf.Type{Name: "thing", Size: 72, Fields: []bpf.Field{
	{Kind: bpf.ListNode, Offset: 8, Size: 24}, {Kind: bpf.RbNode, Offset: 32, Size: 32}, {Kind: bpf.Refcount, Offset: 64, Size: 4}}}

func newStage(t *testing.T, cpus int) *stage {
	t.Helper()
	s := &stage{T: t, kept: &bpf.Map{Name: "kept", Type: 2, KeySize: 4, ValueSize: 32, MaxEntries: 1, Fields: []bpf.Field{
		{Kind: bpf.Kptr, Size: 8, Elem: thing}, {Kind: bpf.ListHead, Offset: 8, Size: 16, Elem: thing, Node: 8}, {Kind: bpf.SpinLock, Offset: 24, Size: 4}}}}
	m := &bpf.Module{Funcs: []*bpf.Func{{Name: "f"}}, Maps: []*bpf.Map{s.kept}, Types: map[uint32]*bpf.Type{7: thing}}
	for name := range builtinKfuncs() {
		m.Kfuncs = append(m.Kfuncs, name)
	}
	a, err := arena.New(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	env := &maps.Env{Arena: a, Tables: engine.NewTables(m.Maps), CPUs: cpus, RCU: new(rcu.Domain)}
	ms, err := maps.New(env, m.Maps)
	if err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.at, _ = a.Alloc(512)
	s.mem, _ = a.Bytes(s.at, 512)
	s.vals = ms[0].ValueAddr()
	s.run = &Run{World: NewWorld(m, env, ms, table, nil)}
	return s
}

// try calls a kfunc by name, or a helper whose name has a number before it.
func (s *stage) try(name string, args ...uint64) (uint64, error) {
	s.Helper()
	var a [5]uint64
	copy(a[:], args)
	switch name {
	case "spin_lock":
		return s.run.Helper(bpf.CallHelper, 93, &a)
	case "spin_unlock":
		return s.run.Helper(bpf.CallHelper, 94, &a)
	case "kptr_xchg":
		return s.run.Helper(bpf.CallHelper, 194, &a)
	}
	for i, k := range s.run.World.Module.Kfuncs {
		if k == name {
			return s.run.Helper(bpf.CallKfunc, int32(i), &a)
		}
	}
	s.Fatalf("no %s", name)
	return 0, nil
}

func (s *stage) call(name string, args ...uint64) uint64 {
	s.Helper()
	r0, err := s.try(name, args...)
	if err != nil {
		s.Fatal(err)
	}
	return r0
}

func (s *stage) refused(want, name string, args ...uint64) {
	s.Helper()
	if _, err := s.try(name, args...); err == nil || !strings.Contains(err.Error(), want) {
		s.Errorf("%s: error is %v, want %q", name, err, want)
	}
}

func TestSpinLockMisused(t *testing.T) {
	s := newStage(t, 2)
	s.refused("does not hold", "spin_unlock", s.vals+24)
	s.refused("not a multiple", "spin_lock", s.vals+25)
	s.refused("NULL", "spin_lock", 0)
	s.call("spin_lock", s.vals+24)
	s.refused("holds this lock already", "spin_lock", s.vals+24)
	s.refused("holds another lock", "spin_lock", s.at)
	other := &Run{World: s.run.World}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	other.Context = ctx
	if _, err := other.Helper(bpf.CallHelper, 93, &[5]uint64{s.vals + 24}); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("a lock that another run holds, with a context that has ended: %v", err)
	}
	s.run.End() // what the run held is free again
	other.Context = nil
	if _, err := other.Helper(bpf.CallHelper, 93, &[5]uint64{s.vals + 24}); err != nil {
		t.Errorf("a lock whose run has ended: %v", err)
	}
}

func TestResilientLock(t *testing.T) {
	s := newStage(t, 2)
	for i := range uint64(maxHeld) {
		if r := s.call("bpf_res_spin_lock", s.at+4*i); r != 0 {
			t.Fatalf("lock %d gives %#x", i, r)
		}
	}
	if r := s.call("bpf_res_spin_lock", s.at+8); r != maps.Guest(maps.EDEADLK) {
		t.Errorf("a lock that is held gives %#x", r)
	}
	if r := s.call("bpf_res_spin_lock", s.at+4*maxHeld); r != maps.Guest(maps.EDEADLK) {
		t.Errorf("one lock more than may be held gives %#x", r)
	}
	s.call("bpf_res_spin_unlock", s.at+4)
	s.refused("does not hold", "bpf_res_spin_unlock", s.at+4)
	s.run.End()
	s.mem[0] = 1 // somebody holds it for ever
	if r := s.call("bpf_res_spin_lock", s.at); r != maps.Guest(maps.ETIMEDOUT) {
		t.Errorf("a lock that nobody gives back gives %#x", r)
	}
}

// live returns how many objects there are.
func (s *stage) live() int { return len(s.run.World.heap.live) }

func TestObjectsMisused(t *testing.T) {
	s := newStage(t, 2)
	s.refused("not the BTF ID", "bpf_obj_new_impl", 8)
	s.refused("not the BTF ID", "bpf_obj_new_impl", 7|1<<40)
	a, b := s.call("bpf_obj_new_impl", 7), s.call("bpf_obj_new_impl", 7)
	s.refused("has a reference to", "bpf_obj_drop_impl", a+8)
	s.refused("has a reference to", "bpf_obj_drop_impl", 0)
	s.refused("has a reference to", "kptr_xchg", s.vals, s.at)
	s.call("bpf_obj_drop_impl", a)
	s.refused("has a reference to", "bpf_obj_drop_impl", a)
	if r := s.call("bpf_refcount_acquire_impl", a); r != 0 {
		t.Errorf("a reference to what is gone: %#x", r)
	}
	if r := s.call("kptr_xchg", s.vals, b); r != 0 {
		t.Errorf("the first exchange gives %#x", r)
	}
	s.refused("has a reference to", "bpf_obj_drop_impl", b) // it is the map's
	// A guest that writes over the pointer gets what it wrote; the object that was there is dropped.
	b8, _ := s.run.World.Arena.Bytes(s.vals, 8)
	binary.LittleEndian.PutUint64(b8, 0x1234)
	if r := s.call("kptr_xchg", s.vals, 0); r != 0x1234 || s.live() != 0 {
		t.Errorf("exchange gives %#x, %d objects live", r, s.live())
	}
	s.refused("has a reference to", "bpf_obj_drop_impl", 0x1234)
}

func TestObjectsEnd(t *testing.T) {
	s := newStage(t, 2)
	for range 5 {
		s.call("bpf_obj_new_impl", 7)
	}
	s.run.End()
	if s.live() != 0 {
		t.Errorf("%d objects outlive the run that had them", s.live())
	}
	// What a value holds ends with the value.
	s.call("kptr_xchg", s.vals, s.call("bpf_obj_new_impl", 7))
	for range 3 {
		s.call("bpf_list_push_back_impl", s.vals+8, s.call("bpf_obj_new_impl", 7)+8)
	}
	s.run.End()
	if s.live() != 4 {
		t.Errorf("%d objects are in the map, want 4", s.live())
	}
	s.run.World.Release(s.kept, s.vals)
	if s.live() != 0 {
		t.Errorf("%d objects outlive their value", s.live())
	}
	if r := s.call("bpf_list_pop_front", s.vals+8); r != 0 {
		t.Errorf("the list of a value that was overwritten has %#x", r)
	}
}

// What was dropped is used again when nobody can hold it.
func TestObjectsWaitForReaders(t *testing.T) {
	s := newStage(t, 2)
	rcu := s.run.World.RCU
	reader := rcu.Enter()
	a := s.call("bpf_obj_new_impl", 7)
	s.call("bpf_obj_drop_impl", a)
	b := s.call("bpf_obj_new_impl", 7)
	if b == a {
		t.Error("an object was used again while a reader may hold it")
	}
	rcu.Exit(reader)
	if c := s.call("bpf_obj_new_impl", 7); c != a {
		t.Errorf("the third object is at %#x, not at %#x where the first was", c, a)
	}
	for s.call("bpf_obj_new_impl", 7) != 0 { // until memory is spent
	}
	s.run.End()
	if s.call("bpf_obj_new_impl", 7) == 0 {
		t.Error("memory that was given back is not found")
	}
}

func TestNodesMisused(t *testing.T) {
	s := newStage(t, 2)
	a := s.call("bpf_obj_new_impl", 7)
	s.refused("not a node", "bpf_list_push_front_impl", s.vals+8, a)
	s.refused("not a node", "bpf_list_push_front_impl", s.vals+8, s.at)
	s.call("bpf_list_push_front_impl", s.vals+8, a+8)
	s.refused("not a node", "bpf_list_push_front_impl", s.vals+8, a+8) // the list has the reference
	if r := s.call("bpf_refcount_acquire_impl", a); r != a {
		t.Fatalf("acquire gives %#x", r)
	}
	if r := s.call("bpf_list_push_front_impl", s.at, a+8); r != maps.Guest(maps.EINVAL) {
		t.Errorf("pushing what another list has gives %#x", r)
	}
	if r := s.call("bpf_rbtree_remove", s.vals+8, a+32); r != 0 {
		t.Errorf("removing a node that is in no tree gives %#x", r)
	}
	if r := s.call("bpf_list_pop_back", s.at); r != 0 {
		t.Errorf("a list that never was gives %#x", r)
	}
	if r := s.call("bpf_list_pop_back", s.vals+8); r != a+8 {
		t.Errorf("pop gives %#x, want %#x", r, a+8)
	}
	s.call("bpf_obj_drop_impl", a)
	if s.live() != 0 {
		t.Errorf("%d objects live", s.live())
	}
}

// Objects of the kernel can be kept in maps, too.
func TestKernelObjectKept(t *testing.T) {
	s := newStage(t, 2)
	o, err := s.run.World.Object(TaskObject, 12, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.refused("has a reference to", "kptr_xchg", s.vals, o.Addr+8)
	if r := s.call("kptr_xchg", s.vals, o.Addr); r != 0 {
		t.Errorf("the first exchange gives %#x", r)
	}
	if r := s.call("kptr_xchg", s.vals, s.call("bpf_obj_new_impl", 7)); r != o.Addr {
		t.Errorf("the second gives %#x, want %#x", r, o.Addr)
	}
	s.call("kptr_xchg", s.vals, o.Addr)
	s.run.End()
	if s.live() != 0 {
		t.Errorf("%d objects live", s.live())
	}
}

func TestPerCPUObject(t *testing.T) {
	s := newStage(t, 3)
	p := s.call("bpf_percpu_obj_new_impl", 7)
	for cpu := range uint64(4) {
		want := p + 72*cpu
		if cpu == 3 {
			want = 0
		}
		if r, err := s.run.Helper(bpf.CallHelper, 153, &[5]uint64{p, cpu}); r != want || err != nil {
			t.Errorf("processor %d's copy is at %#x, want %#x: %v", cpu, r, want, err)
		}
	}
}

func TestCPUMasksBeyondAWord(t *testing.T) {
	s := newStage(t, 130)
	a, b := s.call("bpf_cpumask_create"), s.call("bpf_cpumask_create")
	expect := func(want uint64, name string, args ...uint64) {
		t.Helper()
		if r := s.call(name, args...); r != want {
			t.Errorf("%s is %d, want %d", name, r, want)
		}
	}
	expect(130, "bpf_cpumask_first", a)
	expect(130, "bpf_cpumask_any_distribute", a)
	s.call("bpf_cpumask_set_cpu", 129, a)
	s.call("bpf_cpumask_set_cpu", 130, a)
	expect(1, "bpf_cpumask_weight", a)
	expect(129, "bpf_cpumask_first", a)
	expect(129, "bpf_cpumask_any_distribute", a)
	s.call("bpf_cpumask_set_cpu", 70, a)
	expect(70, "bpf_cpumask_any_distribute", a) // round again
	expect(129, "bpf_cpumask_any_distribute", a)
	s.call("bpf_cpumask_setall", b)
	expect(130, "bpf_cpumask_weight", b)
	expect(1, "bpf_cpumask_full", b)
	expect(130, "bpf_cpumask_first_zero", b)
	expect(1, "bpf_cpumask_subset", a, b)
	expect(0, "bpf_cpumask_subset", b, a)
	expect(maps.Guest(maps.EACCES), "bpf_cpumask_populate", a, s.at, 16)
	for i := range s.mem {
		s.mem[i] = 0xff
	}
	expect(0, "bpf_cpumask_populate", a, s.at, 24)
	expect(130, "bpf_cpumask_weight", a)
	s.refused("not a multiple", "bpf_cpumask_clear", a+4)
	s.refused("outside guest memory", "bpf_cpumask_clear", 16)
	s.refused("not a bpf_cpumask", "bpf_cpumask_acquire", s.at)
}

// Whatever a guest writes over the state of an iterator, no step leaves guest memory.
func TestIteratorsOverwritten(t *testing.T) {
	s := newStage(t, 2)
	for _, words := range [][2]uint64{{0, 0x40_0000_0080}, {^uint64(0), ^uint64(0)}, {s.at, 1 << 31}, {s.at, 0x7fff_ffc0}, {s.at, 65}, {s.at + 504, 128}} {
		binary.LittleEndian.PutUint64(s.mem, words[0])
		binary.LittleEndian.PutUint64(s.mem[8:], words[1])
		for range 200 {
			r := s.call("bpf_iter_bits_next", s.at)
			if r != 0 && r != s.at+12 {
				t.Fatalf("next gives %#x", r)
			}
		}
	}
	s.refused("outside guest memory", "bpf_iter_num_next", 24)
}
