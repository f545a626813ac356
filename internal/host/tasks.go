package host

import (
	"os"
	"path/filepath"
)

// Task is a thread of a process, as far as helpers tell.
type Task struct {
	PID, TGID uint32 // thread and process, as get_current_pid_tgid has them
	UID, GID  uint32
	Comm      string // at most 15 bytes count
}

// Tasks tells which task runs a program.
type Tasks interface {
	// CurrentTask returns the task that a program on processor cpu interrupts.
	CurrentTask(cpu uint32) Task
}

// CurrentTask returns this process, its first thread.
func (Default) CurrentTask(uint32) Task {
	pid := uint32(os.Getpid())
	return Task{PID: pid, TGID: pid, UID: uint32(max(os.Getuid(), 0)), GID: uint32(max(os.Getgid(), 0)), Comm: comm()}
}

// comm is what Linux calls the process: its file's name. Only Linux has another.
func comm() string {
	if b, err := os.ReadFile("/proc/self/comm"); err == nil && len(b) > 0 {
		return string(b[:len(b)-1])
	}
	name := filepath.Base(os.Args[0])
	return name[:min(len(name), 15)]
}
