//go:build linux

package kerneltest

import (
	"encoding/binary"
)

// outputInput asks program output of ringbuf_output.c for a record.
func outputInput(size int, flags byte) Input {
	p := make([]byte, 64)
	binary.LittleEndian.PutUint16(p, uint16(size))
	p[2] = flags
	return Input{Packet: p}
}

var ringbufScripts = []Script{
	{Object: "ringbuf_output", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for _, size := range []int{0, 1, 7, 8, 9, 15, 16, 17, 100, 1000, 1023, 1024} {
			s.Run("output", outputInput(size, 0))
		}
		s.Drain(r)
		for flags := range byte(9) {
			s.Run("output", outputInput(16, flags))
		}
		s.Drain(r)
		for i := range 7 { // around the end, and to where there is no room
			s.Run("output", outputInput(1000+i, 1))
			if i%3 == 2 {
				s.Drain(r)
			}
		}
		s.Drain(r)
	}},
	{Object: "ringbuf_output", Name: "full", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for range 5 {
			s.Run("fill", packet64)
			s.Run("fill", packet64)
			s.Logf("%d of %d bytes", r.AvailableBytes(), r.BufferSize())
			s.Drain(r)
			s.Logf("%d of %d bytes", r.AvailableBytes(), r.BufferSize())
			s.Run("output", outputInput(111, 0))
		}
		s.Drain(r)
	}},
	{Object: "ringbuf_output", Name: "user", Do: func(s *Session) {
		s.Lookup("events", []byte{})
		s.Update("events", []byte{}, []byte{}, 0)
		s.Delete("events", []byte{})
		_, err := s.Map("events").NextKeyBytes(nil)
		s.Logf("next key: %s", Errno(err))
		s.Pop("events", []byte{})
		s.Logf("%v, key %d, value %d, %d entries", s.Map("events").Type(), s.Map("events").KeySize(), s.Map("events").ValueSize(), s.Map("events").MaxEntries())
	}},
	{Object: "ringbuf_reserve", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for _, program := range []string{"submit", "discard", "submit", "mixed", "limits", "mixed", "discard", "submit"} {
			s.Run(program, packet64)
		}
		s.Drain(r)
		for range 200 {
			s.Run("mixed", packet64)
			if s.Run("submit", packet64).Ret == 0 {
				s.Drain(r)
			}
		}
		s.Drain(r)
		s.Run("limits", packet64)
		s.Drain(r)
		s.Run("discard", packet64)
		s.Drain(r)
	}},
	{Object: "ringbuf_reserve", Name: "flush", Do: func(s *Session) {
		r := s.RingReader("events")
		s.Run("submit", packet64)
		s.Run("submit", packet64)
		s.Logf("flush: %v", r.Flush())
		for range 3 {
			e, err := r.Next()
			s.Logf("%x %v", e.Sample, err)
		}
		s.Run("discard", packet64)
		s.Logf("flush: %v", r.Flush())
		_, err := r.Next()
		s.Logf("%v, %d bytes there", err, r.AvailableBytes())
		s.Run("submit", packet64)
		s.Logf("close: %v", r.Close())
		_, err = r.Next()
		s.Logf("closed: %s", eventError(err))
		s.Logf("flush: %s", eventError(r.Flush()))
		s.Logf("close again: %v", r.Close())
		again := s.RingReader("events")
		defer again.Close()
		s.Drain(again)
	}},
	{Object: "user_ringbuf", Do: func(s *Session) {
		w, r := s.RingWriter("samples"), s.RingReader("events")
		defer w.Close()
		defer r.Close()
		send := func(word uint64, size int, discard bool) {
			b, commit, err := w.Reserve(size)
			s.Logf("reserve %d: %v, %d bytes free", size, Errno(err), w.AvailableBytes())
			if err == nil {
				clear(b)
				if size >= 8 {
					binary.LittleEndian.PutUint64(b, word)
				}
				commit(discard)
			}
		}
		drain := func(program string) {
			s.Run(program, packet64)
			s.Logf("%d bytes free", w.AvailableBytes())
			s.Drain(r)
		}
		drain("drain")
		for _, flags := range []uint64{0, 1, 2, 3, 4, 1 << 40} {
			s.Update("asks", uint32(0), flags, 0)
			send(5, 8, false)
			drain("drain")
		}
		s.Update("asks", uint32(0), uint64(0), 0)
		for range 3 { // several times around
			for i, size := range []int{8, 0, 7, 16, 4089, 4088, 1000, 1001, 1007, 500} {
				send(uint64(i), size, i == 7)
			}
			drain("drain")
			send(1, 100, true)
			send(2, 100, true)
			drain("drain")
			send(1, 8, false)
			send(0x777, 8, false)
			send(3, 8, false)
			drain("drain")
			drain("drain")
		}
		send(9, 4088, false)
		send(9, 0, false)
		drain("drain")
		_, commit, err := w.Reserve(8) // held up
		s.Logf("%v", err)
		send(10, 8, false)
		drain("drain")
		commit(true)
		drain("drain")
		send(11, 8, false)
		send(12, 8, false)
		drain("nested")
	}},
	{Object: "user_ringbuf", Name: "user", Do: func(s *Session) {
		s.Lookup("samples", []byte{})
		s.Update("samples", []byte{}, []byte{}, 0)
		s.Delete("samples", []byte{})
	}},
}
