package helpers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// shell is a host with a task, its cgroups and memory.
type shell struct {
	host.Default
	*host.MemoryMap
	task host.Task
}

func (s shell) CurrentTask(uint32) host.Task { return s.task }
func (s shell) TaskByPID(pid uint32) (host.Task, bool) {
	return host.Task{PID: pid, TGID: 5, Comm: "other"}, pid < 100
}

func (r *Run) must(t *testing.T, id int32, args ...uint64) uint64 {
	t.Helper()
	var a [5]uint64
	copy(a[:], args)
	r0, err := r.Helper(bpf.CallHelper, id, &a)
	if err != nil {
		t.Fatalf("helper %d: %v", id, err)
	}
	return r0
}

func TestTaskOfHost(t *testing.T) {
	run, mem, at := world(t, nil)
	run.World.Host = shell{MemoryMap: new(host.MemoryMap), task: host.Task{PID: 7, TGID: 6, UID: 2, GID: 3, Comm: "a name that is far too long", Cgroups: []uint64{1, 50, 60}}}
	for id, want := range map[int32]uint64{14: 6<<32 | 7, 15: 3<<32 | 2, 80: 60} {
		if got := run.must(t, id); got != want {
			t.Errorf("helper %d gives %#x, want %#x", id, got, want)
		}
	}
	for level, want := range map[uint64]uint64{0: 1, 1: 50, 2: 60, 3: 0, 1<<32 - 1: 0, 1 << 32: 1} {
		if got := run.must(t, 123, level); got != want {
			t.Errorf("ancestor at level %#x: %d, want %d", level, got, want)
		}
	}
	run.must(t, 16, at, 20)
	if want := "a name that is \x00\x00\x00\x00\x00"; string(mem[:20]) != want {
		t.Errorf("comm %q, want %q", mem[:20], want)
	}
}

// The struct of a task has what is known of it, at the offsets that BTF says.
func TestTaskStruct(t *testing.T) {
	run, _, _ := world(t, nil)
	i := &btf.Int{Name: "int", Size: 4}
	task := &btf.Struct{Name: "task_struct", Size: 64, Members: []btf.Member{
		{Name: "pid", Type: i, Offset: 8 * 8},
		{Type: &btf.Union{Size: 4, Members: []btf.Member{{Name: "tgid", Type: i}}}, Offset: 16 * 8},
		{Name: "comm", Type: &btf.Array{Type: &btf.Int{Name: "char", Size: 1}, Nelems: 16}, Offset: 20 * 8},
		{Name: "in", Type: &btf.Struct{Name: "in", Size: 8, Members: []btf.Member{{Name: "deep", Type: i, Offset: 32}}}, Offset: 40 * 8},
		{Name: "beyond", Type: i, Offset: 62 * 8},
	}}
	b := make([]byte, 64)
	fillTask(b, task, &host.Task{PID: 0x0102, TGID: 0x03, Comm: "name", Fields: map[string]uint64{"in.deep": 9, "beyond": 1, "missing": 1, "in.": 1, "": 1}})
	want := make([]byte, 64)
	want[8], want[9], want[16], want[44] = 2, 1, 3, 9
	copy(want[20:], "name")
	if !bytes.Equal(b, want) {
		t.Errorf("%x\nwant %x", b, want)
	}
	if run.must(t, 35) == 0 || run.must(t, 35) != run.must(t, 158) {
		t.Error("a task has one struct")
	}
}

// A guest's pointer is an object that a helper gave, or a fault.
func TestObjectsAreValidated(t *testing.T) {
	run, _, at := world(t, nil)
	run.World.Host = shell{MemoryMap: new(host.MemoryMap), task: host.Task{PID: 7, TGID: 6, Cgroups: []uint64{1, 50}}}
	a := run.must(t, 35)
	cg := run.World.cgroup([]uint64{1, 50}, 50)
	for _, bad := range []uint64{0, at, a + 8, cg, ^uint64(0)} {
		if _, err := run.Helper(bpf.CallHelper, 175, &[5]uint64{bad}); err == nil || !strings.Contains(err.Error(), "task_struct that a helper gave") {
			t.Errorf("task_pt_regs of %#x: %v", bad, err)
		}
	}
	if regs := run.must(t, 175, a); regs == 0 || regs == a {
		t.Errorf("registers at %#x", regs)
	}
	made := 0
	for pid := range uint32(99) { // a guest cannot fill memory with them
		if addr, err := run.World.TaskAddress(&host.Task{PID: pid + 1}); err == nil && addr != 0 {
			made++
		}
	}
	if made == 0 || made > maxObjects {
		t.Errorf("%d structs of tasks, at most %d fit", made, maxObjects)
	}
}

func TestProbeHostMemory(t *testing.T) {
	run, mem, at := world(t, nil)
	m := new(host.MemoryMap)
	run.World.Host = shell{MemoryMap: m}
	const kernel, user = 0xffff_8880_0000_0000, 0x7000
	add := func(err error, wrong bool) {
		t.Helper()
		if (err != nil) != wrong {
			t.Errorf("error %v", err)
		}
	}
	add(m.AddKernel(kernel, []byte("kernel\x00memory")), false)
	add(m.AddKernel(kernel+13, []byte("goes on")), false) // no gap
	add(m.AddKernel(kernel+12, []byte("x")), true)
	add(m.AddKernel(^uint64(0)-2, []byte("four")), true)
	add(m.AddUser(user, []byte("user")), false)
	for _, c := range []struct {
		id   int32
		size uint64
		from uint64
		want int64
		text string
	}{
		{113, 20, kernel, 0, "kernel\x00memorygoes on"},
		{113, 21, kernel, -14, strings.Repeat("\x00", 21)},
		{115, 20, kernel, 7, "kernel\x00"},
		{115, 20, kernel + 7, -14, strings.Repeat("\x00", 20)},
		{115, 4, kernel + 7, 4, "mem\x00"},
		{113, 4, user, -34, "\x00\x00\x00\x00"},
		{112, 4, user, 0, "user"},
		{112, 4, at, -14, "\x00\x00\x00\x00"},
		{4, 4, user, 0, "user"},
		{4, 6, kernel, 0, "kernel"},
		{113, 8, ^uint64(0) - 3, -14, ""},
		{113, 8, run.World.Arena.Base() + run.World.Arena.Size() - 4, -14, ""},
		{115, 8, run.World.Arena.Base() + run.World.Arena.Size() - 4, 1, ""},
	} {
		for i := range mem {
			mem[i] = 'x'
		}
		if got := int64(run.must(t, c.id, at, c.size, c.from)); got != c.want || !strings.HasPrefix(string(mem), c.text) {
			t.Errorf("helper %d, %d bytes at %#x: %d %q, want %d %q", c.id, c.size, c.from, got, mem[:len(c.text)], c.want, c.text)
		}
	}
	if got := run.must(t, 36, user, at, 4); got != 0 {
		t.Errorf("write: %d", int64(got))
	}
	if got := run.must(t, 36, user, at, 5); got != maps.Guest(maps.EFAULT) {
		t.Errorf("write beyond: %d", int64(got))
	}
}

func TestTracingHelpers(t *testing.T) {
	run, mem, at := world(t, nil)
	run.Probe, run.Section = Probe{FuncIP: 0x1234, Cookie: 99}, "fexit/f"
	copy(mem, []byte{1, 0, 0, 0, 0, 0, 0, 0, 2}) // of 16 bytes: an argument, and what is returned
	out := at + 64
	for _, c := range []struct {
		id   int32
		args []uint64
		want int64
	}{
		{173, []uint64{at}, 0x1234}, {174, []uint64{at}, 99}, {185, []uint64{at}, 1},
		{183, []uint64{at, 0, out}, 0}, {183, []uint64{at, 1, out}, -22}, {183, []uint64{at, 1 << 32, out}, 0},
		{184, []uint64{at, out + 8}, 0}, {186, nil, 0}, {187, []uint64{1<<32 - 13}, 0}, {186, nil, -13},
		{176, []uint64{at, 8, 0}, -2}, {176, []uint64{at, 8, 1}, -22}, {58, []uint64{at, 77}, 0},
		{109, []uint64{9}, 0}, {117, []uint64{64}, 0}, {109, []uint64{65}, -22},
	} {
		if got := int64(run.must(t, c.id, c.args...)); got != c.want {
			t.Errorf("helper %d%v gives %d, want %d", c.id, c.args, got, c.want)
		}
	}
	if mem[64] != 1 || mem[72] != 2 {
		t.Errorf("argument %d, returned %d", mem[64], mem[72])
	}
	e := &run.Effects
	if !e.Overridden || e.Override != 77 || len(e.Signals) != 2 || !e.Signals[1].Thread {
		t.Errorf("effects %+v", *e)
	}
	for range 2 * maxEffects {
		run.must(t, 109, 1)
	}
	if len(e.Signals) != maxEffects {
		t.Errorf("%d signals are kept", len(e.Signals))
	}
	run.Section = "fentry/f"
	if got := run.must(t, 184, at, out); got != maps.Guest(maps.EOPNOTSUPP) {
		t.Errorf("return value before the return: %d", int64(got))
	}
	if run.ResetActions(); e.Overridden || len(e.Signals) != 0 {
		t.Errorf("effects of the run before: %+v", *e)
	}
}
