//go:build linux

package kerneltest

import "encoding/binary"

// words is a value of little-endian numbers.
func words(v ...uint64) (b []byte) {
	for _, w := range v {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// askMem is struct ask of dynptr_mem.c.
func askMem(offset, n, start, end uint32, flags uint64) []byte {
	return words(uint64(offset)|uint64(n)<<32, uint64(start)|uint64(end)<<32, flags)
}

func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// ask puts numbers into map asks.
func (s *Session) ask(v ...uint64) {
	for i, w := range v {
		s.Update("asks", uint32(i), w, 0)
	}
}

var dynptrScripts = []Script{
	{Object: "dynptr_mem", Do: func(s *Session) {
		s.Run("made", packet64)
		for _, offset := range []uint32{0, 1, 50, 83, 84, 85, 92, 97, 98, 99, 100, 101, 1 << 24, 1<<32 - 1, 1<<32 - 4} {
			for _, flags := range []uint64{0, 1} {
				s.Update("values", uint32(0), counting(128), 0)
				s.Update("asks", uint32(0), askMem(offset, 0, 0, 0, flags), 0)
				s.Run("access", packet64)
			}
		}
		for _, w := range [][3]uint32{{0, 0, 0}, {0, 80, 0}, {1, 79, 70}, {1, 79, 71}, {40, 44, 0}, {40, 40, 0}, {41, 40, 0}, {80, 80, 0}, {0, 81, 0}, {81, 81, 0}, {5, 60, 1<<32 - 1}} {
			s.Update("values", uint32(0), counting(128), 0)
			s.Update("asks", uint32(0), askMem(w[2], 0, w[0], w[1], 0), 0)
			s.Run("adjust", packet64)
		}
		for _, w := range [][3]uint32{{0, 0, 0}, {0, 0, 10}, {5, 0, 20}, {0, 5, 20}, {64, 0, 0}, {65, 0, 0}, {44, 80, 20}, {45, 80, 20}, {0, 81, 20}, {0, 0, 64}, {0, 0, 65}, {36, 0, 64}, {0, 0, 1<<32 - 1}, {1<<32 - 1, 0, 1}} {
			s.Update("values", uint32(0), counting(128), 0)
			s.Update("values", uint32(1), make([]byte, 128), 0)
			s.Update("asks", uint32(0), askMem(w[1], w[2], w[0], 0, 0), 0)
			s.Run("copy", packet64)
		}
		for _, w := range [][3]uint32{{0, 0, 1}, {0, 100, 2}, {99, 1, 3}, {100, 0, 4}, {100, 1, 5}, {0, 101, 6}, {50, 10, 0x107}, {1<<32 - 1, 2, 8}} {
			s.Update("asks", uint32(0), askMem(w[0], w[1], 0, 0, uint64(w[2])), 0)
			s.Run("set", packet64)
		}
	}},
	{Object: "dynptr_ringbuf", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for _, size := range []uint64{36, 16, 35, 0, 7, 8, 100, 4095, 4096, 4088, 4080, 1 << 24, 1<<24 - 1, 1 << 31} {
			for _, discard := range []uint64{1, 0} {
				s.ask(size, 0, discard)
				s.Run("record", packet64)
				if size < 16 || size > 100 { // Linux does not clear what is reserved
					s.Logf("%d records", len(s.drain(r)))
				} else {
					for _, e := range s.drain(r) {
						s.Logf("%x, %d bytes", e.Sample[:16], len(e.Sample))
					}
				}
			}
		}
		s.ask(16, 1, 0)
		s.Run("record", packet64)
	}},
	{Object: "dynptr_skb", Do: func(s *Session) {
		for _, offset := range []uint64{0, 2, 14, 40, 50, 56, 57, 58, 92, 93, 100, 1 << 20} {
			s.ask(offset)
			s.Run("read_tc", Input{Packet: counting(100)})
		}
		for _, program := range []string{"read_socket", "read_cgroup", "read_lwt_in", "read_lwt_xmit"} {
			for _, offset := range []uint64{0, 2, 14, 40, 78, 79, 92} {
				s.ask(offset)
				s.Run(program, ipv4UDP)
			}
		}
		for _, w := range [][4]uint64{{0, 0, 20, 5}, {92, 0, 90, 3}, {93, 0, 96, 1}, {10, 1, 96, 0}, {10, 2, 97, 0}, {10, 3, 60, 40}, {10, 4, 60, 28}, {10, 1 << 40, 60, 29}} {
			s.ask(w[:]...)
			s.Run("write_tc", Input{Packet: counting(100)})
		}
	}},
	{Object: "dynptr_xdp", Do: func(s *Session) {
		for _, w := range [][4]uint64{{0, 0, 20, 5}, {92, 0, 92, 3}, {93, 0, 93, 1}, {10, 1, 86, 14}, {10, 2, 90, 15}, {1 << 20, 0, 3, 16}, {50, 0, 0, 0}} {
			s.ask(w[:]...)
			s.Run("access", Input{Packet: counting(100)})
		}
	}},
	{Object: "dynptr_parse", Do: func(s *Session) {
		tcp6 := append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, 6, 64}, make([]byte, 32)...)
		tcp6 = append(tcp6, 0x01, 0xbb, 0xc0, 0x00, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x12, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4)
		tcp6 = append(tcp6, counting(16)...)
		for _, program := range []string{"parse_xdp", "parse_tc"} {
			for _, n := range []int{100, 60, 42, 41, 35} {
				s.Run(program, Input{Packet: ipv4UDP.Packet[:n]})
			}
			for _, n := range []int{94, 74, 73, 60} {
				s.Run(program, Input{Packet: tcp6[:n]})
			}
			s.Run(program, packet64)
			s.Run(program, Input{Packet: make([]byte, 14)})
		}
	}},
	{Object: "dynptr_subprog", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for i := range uint32(2) {
			s.Update("blocks", i, append(counting(200), make([]byte, 56)...), 0)
		}
		for range 3 {
			s.Run("functions", Input{Packet: counting(64)})
			s.Drain(r)
		}
	}},
	{Object: "dynptr_probe", Do: func(s *Session) {
		text := append([]byte("the text of the other block, as long as it is"), make([]byte, 83)...)
		for _, w := range [][3]uint64{{0, 0, 0}, {0, 8, 4}, {10, 20, 0}, {50, 50, 0}, {51, 50, 0}, {100, 0, 0}, {101, 0, 0}, {0, 100, 0}, {0, 101, 0}, {2, 60, 40}, {1 << 32, 5, 9}} {
			s.Update("blocks", uint32(0), counting(128), 0)
			s.Update("blocks", uint32(1), text, 0)
			s.Run("probe", Input{Context: words(w[:]...)})
		}
	}},
	{Object: "dynptr_moves", Do: func(s *Session) {
		for _, n := range []int{60, 61, 100, 300} {
			s.Run("moved", Input{Packet: counting(n)})
			s.Run("shrunk", Input{Packet: counting(n)})
		}
		s.Run("moved", packet64)
		s.Run("shrunk", ipv4UDP)
	}},
	{Object: "dynptr_meta", Do: func(s *Session) { s.Run("meta", packet64) }},
}
