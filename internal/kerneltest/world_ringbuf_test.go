//go:build linux

package kerneltest

import (
	"encoding/binary"
	"time"
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
	{Object: "ringbuf_output", Name: "wakeups", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		const no, force = 1, 2
		for _, flags := range [][]byte{{0}, {no}, {force}, {no, 0}, {no, force}, {no, no, no}, {no | force}} {
			r.SetDeadline(time.Now().Add(150 * time.Millisecond))
			woken := make(chan time.Duration)
			start := time.Now()
			go func() {
				r.Next()
				woken <- time.Since(start)
			}()
			time.Sleep(20 * time.Millisecond) // until it sleeps
			for _, f := range flags {
				s.Quiet("output", outputInput(8, f))
			}
			s.Logf("flags %v: woken %v", flags, <-woken < 120*time.Millisecond)
			s.Drain(r)
		}
	}},
	{Object: "ringbuf_inner", Do: func(s *Session) {
		first, second := s.RingReader("first"), s.RingReader("second")
		defer first.Close()
		defer second.Close()
		for _, key := range []byte{0, 1, 2, 3, 4, 77, 78, 2, 0, 77} {
			in := Input{Packet: make([]byte, 64)}
			in.Packet[0] = key
			s.Run("send", in)
		}
		s.Drain(first)
		s.Drain(second)
	}},
	{Object: "ringbuf_types", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for range 3 {
			for _, program := range []string{"on_xdp", "on_tc", "on_socket", "on_cgroup", "on_lwt", "on_flow"} {
				s.Logf("%s: %d", program, s.Quiet(program, ipv4UDP).Ret)
			}
			s.Logf("raw_tp: %d", s.Quiet("on_raw_tp", Input{Context: words(5, 6)}).Ret)
			s.Logf("syscall: %d", s.Quiet("on_syscall", Input{Context: words(7)}).Ret)
			s.Drain(r)
		}
	}},
	{Object: "ringbuf_subprog", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for range 3 {
			s.Run("functions", packet64)
			s.Run("loop", packet64)
			s.Drain(r)
			s.Run("functions", packet64)
		}
	}},
	{Object: "ringbuf_two", Do: func(s *Session) {
		urgent, other := s.RingReader("urgent"), s.RingReader("other")
		defer urgent.Close()
		defer other.Close()
		for i := range 200 {
			s.Logf("%d", s.Quiet("report", packet64).Ret)
			if i%60 == 59 {
				s.Dump()
				s.Drain(urgent)
			}
			if i%90 == 89 {
				s.Drain(other)
			}
		}
	}},
	{Object: "ringbuf_large", Do: func(s *Session) {
		r := s.RingReader("events")
		defer r.Close()
		for range 20 {
			s.Run("large", packet64)
			s.Run("large", packet64)
			for _, e := range s.drain(r) { // what is not written is not cleared either
				s.Logf("%d bytes: %x %x %x, %d left", len(e.Sample), e.Sample[0], e.Sample[1<<14:1<<14+4], e.Sample[20000], e.Remaining)
			}
		}
		for range 4 {
			s.Run("large", packet64)
		}
	}},
	{Object: "user_ringbuf_commands", Do: func(s *Session) {
		w, r := s.RingWriter("commands"), s.RingReader("answers")
		defer w.Close()
		defer r.Close()
		send := func(op, index uint32, value uint64, more string) {
			b, commit, err := w.Reserve(16 + len(more))
			if err != nil {
				s.Logf("full: %s", Errno(err))
				return
			}
			copy(b, words(uint64(op)|uint64(index)<<32, value))
			copy(b[16:], more)
			commit(false)
		}
		const set, add, get, echo, stop = 1, 2, 3, 4, 5
		for range 40 {
			send(set, 3, 1000, "")
			send(add, 3, 1, "")
			send(add, 9, 1, "")
			send(get, 3, 0, "")
			send(get, 8, 0, "")
			send(echo, 0, 0, "hello")
			send(echo, 0, 0, "")
			send(99, 0, 0, "what is this")
			send(stop, 77, 0, "")
			send(set, 1, 5, "")
			s.Logf("tc: %d", s.Quiet("serve", packet64).Ret)
			s.Drain(r)
			send(get, 1, 0, "")
			b, commit, err := w.Reserve(11) // no whole command
			if err == nil {
				copy(b, "12345678901")
				commit(false)
			}
			s.Logf("raw_tp: %d", s.Quiet("serve_tracing", Input{Context: words(1)}).Ret)
			s.Drain(r)
			s.Dump()
		}
		for range 600 {
			send(get, 1, 0, "")
		}
		s.Logf("%d", s.Quiet("serve", packet64).Ret)
		s.Drain(r)
	}},
}

// ipv4UDP is a packet of 100 bytes.
var ipv4UDP = Input{Packet: append([]byte{
	0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00,
	0x45, 0, 0, 86, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	0x30, 0x39, 0x00, 0x35, 0, 66, 0, 0}, counting(58)...)}
