package host

import (
	"os"
	"path/filepath"
	"sync"
)

// Task is a thread of a process, as far as helpers tell.
type Task struct {
	PID, TGID uint32 // thread and process, as get_current_pid_tgid has them
	UID, GID  uint32
	Comm      string // at most 15 bytes count
	// Cgroups are the ids of the version 2 cgroups that it is in, from the hierarchy's root to its
	// own. nil: there are none, and programs find the id 0.
	Cgroups []uint64
	// Namespace is its innermost PID namespace; zero: none that helpers know.
	Namespace PIDNamespace
	// Address is that of its struct task_struct, for programs that read it from ranges which
	// Memory tells of. 0: one in guest memory, zeros but for pid, tgid, comm and Fields.
	Address uint64
	// Fields are values of members of that struct, by name: numbers, or addresses of what
	// Memory tells of. A member within a member is written a.b. What the struct has no
	// member for is left out, as it is where nothing says how the struct looks (CollectionOptions.KernelTypes).
	Fields map[string]uint64
	// Regs is its struct pt_regs, which bpf_task_pt_regs gives; nil: zeros.
	Regs []byte
}

// PIDNamespace is a task as a PID namespace has it.
type PIDNamespace struct {
	Dev, Ino  uint64 // of /proc/PID/ns/pid
	PID, TGID uint32
}

// Tasks tells of tasks.
type Tasks interface {
	// CurrentTask returns the task that a program on processor cpu interrupts.
	CurrentTask(cpu uint32) Task
	// TaskByPID returns the thread of that PID; ok is false where there is none.
	TaskByPID(pid uint32) (t Task, ok bool)
}

// CurrentTask returns this process, its first thread.
func (Default) CurrentTask(uint32) Task { return thisProcess() }

// TaskByPID knows this process alone.
func (Default) TaskByPID(pid uint32) (Task, bool) {
	t := thisProcess()
	return t, t.PID == pid
}

// thisProcess is asked once, as helpers are called often.
var thisProcess = sync.OnceValue(func() Task {
	pid := uint32(os.Getpid())
	return Task{PID: pid, TGID: pid, UID: uint32(max(os.Getuid(), 0)), GID: uint32(max(os.Getgid(), 0)), Comm: comm(),
		Cgroups: cgroups(), Namespace: pidNamespace(pid)}
})

// comm is what Linux calls the process: its file's name. Only Linux has another.
func comm() string {
	if b, err := os.ReadFile("/proc/self/comm"); err == nil && len(b) > 0 {
		return string(b[:len(b)-1])
	}
	name := filepath.Base(os.Args[0])
	return name[:min(len(name), 15)]
}
