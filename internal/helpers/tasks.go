package helpers

import (
	"encoding/binary"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// The current task and other ones: enum bpf_func_id 14–16, 35, 109, 117, 120, 158, 175 and 180,
// and kfuncs (kernel/bpf/helpers.c).
var taskHelpers = []*Helper{
	{ID: 14, Name: "get_current_pid_tgid", Fn: func(c *Call) (uint64, error) {
		t := c.Run.task()
		return uint64(t.TGID)<<32 | uint64(t.PID), nil
	}},
	{ID: 15, Name: "get_current_uid_gid", Fn: func(c *Call) (uint64, error) {
		t := c.Run.task()
		return uint64(t.GID)<<32 | uint64(t.UID), nil
	}},
	{ID: 16, Name: "get_current_comm", Fn: getCurrentComm, Args: []Arg{{Name: "buf", Kind: MemW}, {Name: "size", Kind: Size}}},
	{ID: 35, Name: "get_current_task", Objects: true, Fn: getCurrentTask},
	{ID: 158, Name: "get_current_task_btf", Objects: true, Fn: getCurrentTask},
	{ID: 120, Name: "get_ns_current_pid_tgid", Fn: getNsCurrentPidTgid,
		Args: []Arg{{Name: "dev", Kind: Scalar}, {Name: "ino", Kind: Scalar}, {Name: "nsdata", Kind: MemW}, {Name: "size", Kind: Size}}},
	{ID: 109, Name: "send_signal", Args: []Arg{{Name: "sig", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) { return sendSignal(c, false) }},
	{ID: 117, Name: "send_signal_thread", Args: []Arg{{Name: "sig", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) { return sendSignal(c, true) }},
	{ID: 175, Name: "task_pt_regs", Objects: true, Fn: taskPtRegs, Args: []Arg{{Name: "task", Kind: Scalar}}},
	{ID: 180, Name: "find_vma", Fn: findVMA, Args: []Arg{{Name: "task", Kind: Scalar}, {Name: "addr", Kind: Scalar},
		{Name: "callback_fn", Kind: Func}, {Name: "callback_ctx", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{Name: "bpf_task_acquire", Fn: sameTask, Args: []Arg{{Name: "p", Kind: Scalar}}},
	{Name: "bpf_task_release", Fn: releaseTask, Args: []Arg{{Name: "p", Kind: Scalar}}},
	{Name: "bpf_task_from_pid", Objects: true, Fn: taskFromPID, Args: []Arg{{Name: "pid", Kind: Scalar}}},
	{Name: "bpf_task_from_vpid", Objects: true, Fn: taskFromPID, Args: []Arg{{Name: "vpid", Kind: Scalar}}},
}

// task asks the host which task the run interrupts.
func (r *Run) task() *host.Task {
	r.current = r.World.Host.CurrentTask(r.CPU)
	return &r.current
}

// getCurrentComm is bpf_get_current_comm: what does not fit is cut, the rest is NUL (strscpy_pad).
func getCurrentComm(c *Call) (uint64, error) {
	comm := c.Run.task().Comm
	n := copy(c.Mem[0], comm[:min(len(comm), len(c.Mem[0])-1, taskCommLen-1)])
	clear(c.Mem[0][n:])
	return 0, nil
}

const taskCommLen = 16 // TASK_COMM_LEN

// getCurrentTask gives the address of the task's struct, in guest memory unless the host knows another.
func getCurrentTask(c *Call) (uint64, error) {
	return c.Run.World.TaskAddress(c.Run.task())
}

// TaskAddress returns the address of a task's struct.
func (w *World) TaskAddress(t *host.Task) (uint64, error) {
	if t.Address != 0 {
		return t.Address, nil
	}
	o, err := w.Object(TaskObject, uint64(t.PID), func(_ *Object, b []byte, layout *btf.Struct) { fillTask(b, layout, t) })
	if err != nil {
		return 0, err
	}
	return o.Addr, nil
}

// fillTask writes what is known of a task into its struct.
func fillTask(b []byte, layout *btf.Struct, t *host.Task) {
	if layout == nil {
		return
	}
	setField(b, layout, "pid", uint64(t.PID))
	setField(b, layout, "tgid", uint64(t.TGID))
	if off, size, ok := member(layout, "comm"); ok && uint64(off)+uint64(size) <= uint64(len(b)) && size > 0 {
		copy(b[off:off+size-1], t.Comm[:min(len(t.Comm), taskCommLen-1)])
	}
	for name, v := range t.Fields {
		setField(b, layout, name, v)
	}
}

// getNsCurrentPidTgid is bpf_get_ns_current_pid_tgid, checks in its order.
func getNsCurrentPidTgid(c *Call) (uint64, error) {
	out := c.Mem[2]
	ns := c.Run.task().Namespace
	var err maps.Errno
	switch dev := c.Args[0]; {
	case len(out) != 8 || dev>>32 != 0:
		err = maps.EINVAL
	case ns.Ino == 0:
		err = maps.ENOENT
	case dev != ns.Dev || c.Args[1] != ns.Ino:
		err = maps.EINVAL
	default:
		binary.LittleEndian.PutUint32(out, ns.PID)
		binary.LittleEndian.PutUint32(out[4:], ns.TGID)
		return 0, nil
	}
	clear(out)
	return maps.Guest(err), nil
}

// Signal is one that a program sent.
type Signal struct {
	Number uint32
	PID    uint32 // to which thread, or to which process' one thread
	Thread bool   // to that thread alone
}

// maxSignal is _NSIG.
const maxSignal = 64

// sendSignal leaves the signal to the caller of the run; nothing is delivered. Linux, too, delivers it later
// (bpf_send_signal_common).
func sendSignal(c *Call, thread bool) (uint64, error) {
	sig := uint32(c.Args[0])
	if sig > maxSignal {
		return maps.Guest(maps.EINVAL), nil
	}
	t := c.Run.task()
	if t.PID == 1 { // is_global_init
		return maps.Guest(maps.EPERM), nil
	}
	if e := &c.Run.Effects; len(e.Signals) < maxEffects {
		e.Signals = append(e.Signals, Signal{Number: sig, PID: t.PID, Thread: thread})
	}
	return 0, nil
}

// taskPtRegs gives the registers with which a task entered the kernel.
func taskPtRegs(c *Call) (uint64, error) {
	t, err := c.taskAt(0)
	if err != nil {
		return 0, err
	}
	o, err := c.Run.World.Object(RegsObject, uint64(t.PID), func(_ *Object, b []byte, _ *btf.Struct) { copy(b, t.Regs) })
	if err != nil {
		return 0, err
	}
	return o.Addr, nil
}

// taskAt returns the task whose struct's address a program passed.
func (c *Call) taskAt(arg int) (*host.Task, error) {
	if t := c.Run.task(); t.Address != 0 && t.Address == c.Args[arg] {
		return t, nil
	}
	o, err := c.objectAt(arg, TaskObject)
	if err != nil {
		return nil, err
	}
	t := c.Run.task()
	if uint64(t.PID) == o.ID {
		return t, nil
	}
	if other, ok := c.Run.World.Host.TaskByPID(uint32(o.ID)); ok {
		*t = other
		return t, nil
	}
	*t = host.Task{PID: uint32(o.ID)} // gone, but for those who hold it
	return t, nil
}

// findVMA knows no mappings: every address is in none.
func findVMA(c *Call) (uint64, error) {
	if c.Args[4] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	if _, err := c.taskAt(0); err != nil {
		return 0, err
	}
	return maps.Guest(maps.ENOENT), nil
}

func sameTask(c *Call) (uint64, error) {
	_, err := c.taskAt(0)
	return c.Args[0], err
}

func releaseTask(c *Call) (uint64, error) {
	_, err := c.taskAt(0)
	return 0, err
}

// taskFromPID gives NULL where there is no such task, and where there is no room for its struct.
func taskFromPID(c *Call) (uint64, error) {
	t, ok := c.Run.World.Host.TaskByPID(uint32(c.Args[0]))
	if !ok || int32(c.Args[0]) <= 0 {
		return 0, nil
	}
	addr, err := c.Run.World.TaskAddress(&t)
	if err != nil {
		return 0, nil
	}
	return addr, nil
}
