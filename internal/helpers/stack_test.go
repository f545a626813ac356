package helpers

import (
	"encoding/binary"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// stackHost interrupts task 7, which was in three functions; there is also a task 8.
type stackHost struct{ host.Default }

func (stackHost) CurrentTask(uint32) host.Task { return host.Task{PID: 7, TGID: 7} }
func (stackHost) TaskByPID(pid uint32) (host.Task, bool) {
	return host.Task{PID: pid}, pid == 7 || pid == 8
}
func (stackHost) Stack(_ uint32, user bool) (s []uint64) {
	if user {
		return []uint64{0x1001, 0x1002, 0x1003}
	}
	return []uint64{0xffffffff81000001, 0xffffffff81000002}
}

func TestTaskStack(t *testing.T) {
	run, mem, at := world(t, nil)
	run.World.Host = stackHost{}
	task := func(pid uint64) uint64 {
		addr, err := run.World.TaskAddress(&host.Task{PID: uint32(pid)})
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	mine, other := task(7), task(8)
	for _, test := range []struct {
		task, size, flags, want uint64
		first                   uint64
	}{
		{mine, 64, 0, 16, 0xffffffff81000001},
		{mine, 64, maps.StackUser, 24, 0x1001},
		{mine, 64, maps.StackUser | 1, 16, 0x1002},
		{mine, 8, maps.StackUser, 8, 0x1001},
		{mine, 64, 3, maps.Guest(maps.EFAULT), 0},
		{mine, 0, 0, 0, 0},
		{mine, 12, 0, maps.Guest(maps.EINVAL), 0},
		{mine, 64, 1 << 12, maps.Guest(maps.EINVAL), 0},
		{other, 64, maps.StackUser, maps.Guest(maps.EOPNOTSUPP), 0},
		{other, 64, 0, maps.Guest(maps.EFAULT), 0},
	} {
		clear(mem)
		r0, err := run.Helper(bpf.CallHelper, 141, &[5]uint64{test.task, at, test.size, test.flags})
		if first := binary.LittleEndian.Uint64(mem); err != nil || r0 != test.want || first != test.first {
			t.Errorf("%d bytes, flags %#x: %#x, %#x, %v, wanted %#x, %#x", test.size, test.flags, r0, first, err, test.want, test.first)
		}
	}
	if _, err := run.Helper(bpf.CallHelper, 141, &[5]uint64{at, at, 64, 0}); err == nil {
		t.Error("what is no task has a stack")
	}
}

// A program of a perf event that is none finds nothing counted and no branches.
func TestPerfProgram(t *testing.T) {
	run, mem, at := world(t, nil)
	for _, test := range []struct {
		id   int32
		args [5]uint64
		want uint64
	}{
		{56, [5]uint64{at, at + 32, 24}, 0},
		{56, [5]uint64{at, at + 32, 16}, maps.Guest(maps.EINVAL)},
		{119, [5]uint64{at, at + 32, 48, 0}, maps.Guest(maps.ENOENT)},
		{119, [5]uint64{at, 0, 0, 1}, maps.Guest(maps.ENOENT)},
		{119, [5]uint64{at, at + 32, 48, 2}, maps.Guest(maps.EINVAL)},
	} {
		mem[32], mem[47] = 1, 1
		r0, err := run.Helper(bpf.CallHelper, test.id, &test.args)
		if err != nil || r0 != test.want || test.id == 56 && mem[32]|mem[47] != 0 {
			t.Errorf("helper %d%v: %#x, %v, wanted %#x; %x", test.id, test.args, r0, err, test.want, mem[32:48])
		}
	}
}
