//go:build linux

package kerneltest

import (
	"bytes"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet"
)

// userPage is a page of this process behind which there is none: the kernel reads it where it
// is, and rivet is told that it is there.
var userPage = sync.OnceValue(func() []byte {
	b, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic(err)
	}
	if err := unix.Mprotect(b[4096:], unix.PROT_NONE); err != nil {
		panic(err)
	}
	return b[:4096:4096]
})

func userAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&userPage()[0]))) }

// memoryHost is this process, and its page.
type memoryHost struct {
	rivet.DefaultHost
	*rivet.MemoryMap
}

var withUserPage = sync.OnceValue(func() rivet.Host {
	m := new(rivet.MemoryMap)
	if err := m.AddUser(userAddr(), userPage()); err != nil {
		panic(err)
	}
	return memoryHost{MemoryMap: m}
})

func toPage(spec *ebpf.CollectionSpec) {
	set(map[string]any{"page": userAddr(), "end": userAddr() + 4096})(spec)
}

// fillPage puts strings where programs look, one of them without an end.
func fillPage() {
	b := userPage()
	clear(b)
	copy(b, "a string of user space")
	copy(b[100:], bytes.Repeat([]byte("long"), 50))
	copy(b[len(b)-16:], "no end in sight!")
}

var memoryScripts = []Script{
	{Object: "probe", Options: rivet.CollectionOptions{Host: withUserPage()}, Edit: toPage, Do: func(s *Session) {
		fillPage()
		for _, p := range []string{"kernel", "user", "either"} {
			s.Run(p, Input{})
		}
	}},
	{Object: "probewrite", Options: rivet.CollectionOptions{Host: withUserPage()}, Edit: toPage, Alone: "a kernel that is locked down refuses the helper",
		Do: func(s *Session) {
			fillPage()
			s.Run("writes", Input{})
			s.Logf("page %x", userPage()[512:528])
		}},
	{Object: "copyuser", Options: rivet.CollectionOptions{Host: withUserPage()}, Edit: toPage, Do: func(s *Session) {
		fillPage()
		s.Run("copies", Input{})
		s.Run("strings", Input{})
	}},
}
