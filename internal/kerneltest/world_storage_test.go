//go:build linux

package kerneltest

import (
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// pidfd is what the kernel takes for a key of task storage; rivet takes the PID. The kernel's
// current task is the thread that asks, so that the script holds on to the main one's storage by its own.
func pidfd(s *Session) (key uint32, done func()) {
	if !s.Kernel {
		return uint32(os.Getpid()), func() {}
	}
	fd, err := unix.PidfdOpen(unix.Gettid(), unix.O_EXCL) // PIDFD_THREAD
	if err != nil {
		panic(err)
	}
	return uint32(fd), func() { unix.Close(fd) }
}

// users reads and writes the storage of the current task as users do.
func users(s *Session) {
	key, done := pidfd(s)
	defer done()
	step := func(name string, err error, value []byte) { s.Logf("%s: %x %s", name, value, Errno(err)) }
	m := s.Map("values")
	look := func() {
		var v []byte
		err := m.Lookup(key, &v)
		step("lookup", err, v)
	}
	look()
	value := make([]byte, m.ValueSize())
	value[0], value[16] = 40, 2
	for _, flags := range []ebpf.MapUpdateFlags{ebpf.UpdateExist, ebpf.UpdateNoExist, ebpf.UpdateNoExist, ebpf.UpdateExist, ebpf.UpdateAny, ebpf.UpdateLock, 3, 8} {
		step("update", m.Update(key, value, flags), nil)
		value[0]++
	}
	look()
	s.Run("count", Input{})
	look()
	step("delete", m.Delete(key), nil)
	step("delete", m.Delete(key), nil)
	look()
	var v []byte
	step("lookup and delete", m.LookupAndDelete(key, &v), v)
	_, err := m.NextKeyBytes(nil)
	step("next key", err, nil)
}

var storageScripts = []Script{
	{Object: "taskstorage", Do: func(s *Session) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s.Run("get", Input{})
		for range 3 {
			s.Run("count", Input{})
			s.Run("lock", Input{})
		}
		s.Run("drop", Input{})
		s.Run("drop", Input{})
		users(s)
	}},
	{Object: "cgrpstorage", Do: func(s *Session) {
		s.Run("own", Input{})
		s.Run("own", Input{})
	}},
	{Object: "attached", Do: func(s *Session) {
		s.Hide("shared", "each")
		for range 3 {
			s.Run("entry", packet64)
		}
		s.Logf("%d bytes, %d", s.Map("shared").ValueSize(), s.Map("each").KeySize())
	}},
}
