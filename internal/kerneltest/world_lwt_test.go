//go:build linux

package kerneltest

import "slices"

// Headers to be pushed: of both families, with and without what else a tunnel has, and such as are none.
var encapHeaders = [][]byte{
	append([]byte{0x45, 0, 0, 80, 1, 2, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, counted(240)...),
	append([]byte{0x46, 0, 0, 80, 1, 2, 0, 0, 64, 47, 7, 7, 10, 0, 0, 1, 10, 0, 0, 2}, counted(240)...),
	append([]byte{0x60, 0, 0, 0, 0, 40, 41, 64}, counted(252)...),
	make([]byte, 260),
}

var lwtScripts = []Script{
	{Object: "lwt_push", Do: func(s *Session) {
		for _, h := range encapHeaders {
			s.put("header", h)
			for _, a := range each([]uint64{2, 3, 7, 1 << 31}, []uint64{1, 19, 20, 23, 24, 28, 39, 40, 44, 256, 257}) {
				s.put("args", a[0])
				if err := s.Map("args").Update(uint32(1), a[1], 0); err != nil {
					s.Logf("argument: %v", err)
				}
				for _, p := range slices.Concat(packets[:2], packets[4:5]) {
					s.Run("in", Input{Packet: p})
				}
			}
		}
	}},
	given("pkt_tstamp", packets, each([]uint64{0, 1, 1 << 40}, []uint64{0, 1, 2, 3, 1 << 32}, []uint64{0, 5}, []uint64{0, 2}), "cls", "blind"),
}
