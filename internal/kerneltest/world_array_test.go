//go:build linux

package kerneltest

import "github.com/cilium/ebpf"

// packet64 is what a program is run on that does not look at it.
var packet64 = Input{Packet: make([]byte, 64)}

var arrayScripts = []Script{
	{Object: "array", Do: func(s *Session) {
		for _, flags := range []uint64{0, 1, 2, 3, 4, 8} {
			for _, key := range []uint32{0, 3, 4, 1 << 31} {
				s.Update("values", key, uint64(key)+5, ebpf.MapUpdateFlags(flags))
			}
		}
		s.Update("steps", uint32(0), uint32(3), 0)
		for range 4 {
			s.Run("entry", packet64)
		}
		s.Delete("values", uint32(1))
		s.Pop("values", uint32(1))
		s.Lookup("values", uint32(9))
	}},
}
