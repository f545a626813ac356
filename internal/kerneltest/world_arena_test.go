//go:build linux

package kerneltest

// That cilium/ebpf forgets what makes a cast of a move is why no kernel is asked.
const noArenas = "cilium/ebpf cannot load arenas: it writes addr_space_cast as a plain move"

var arenaScripts = []Script{
	{Object: "arena", Alone: noArenas, Do: func(s *Session) {
		s.Hide(".addr_space.1") // it holds an address, and native code's are others
		for range 12 {          // more than there are pages
			s.Run("list", Input{})
			s.Run("pages", Input{})
		}
		for range 12 {
			s.Run("drop", Input{})
			s.Run("pages", Input{})
		}
		s.Run("list", Input{})
		s.keys("arena")
	}},
}
