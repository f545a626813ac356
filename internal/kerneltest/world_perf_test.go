//go:build linux

package kerneltest

import (
	"encoding/binary"
	"time"

	"github.com/cilium/ebpf"
)

const currentCPU = 0xffffffff // BPF_F_CURRENT_CPU

// perfInput asks program output of perf_output.c for a sample.
func perfInput(size int, flags uint64) Input {
	p := make([]byte, 64)
	binary.LittleEndian.PutUint16(p, uint16(size))
	binary.LittleEndian.PutUint64(p[8:], flags)
	return Input{Packet: p}
}

// DrainPerf logs all records that are there. Behind its size bytes of data a sample has bytes that Linux does not clear.
func (s *Session) DrainPerf(r Events, size int) {
	for _, e := range s.drain(r) {
		s.Logf("sample of %d: %x, processor %d, %d bytes left, %d lost", len(e.Sample), e.Sample[:min(size, len(e.Sample))], e.CPU, e.Remaining, e.Lost)
	}
}

var perfScripts = []Script{
	{Object: "perf_output", Do: func(s *Session) {
		s.Run("output", perfInput(8, currentCPU)) // nobody reads
		r := s.PerfReader("events", 4096, PerfOptions{})
		for size := range 20 {
			s.Run("output", perfInput(size, currentCPU))
			s.DrainPerf(r, size)
		}
		for _, flags := range []uint64{0, 1, 2, 1000, currentCPU - 1, currentCPU | 8<<32, currentCPU | 64<<32, currentCPU | 65<<32, currentCPU | 1<<52, 1 << 63} {
			s.Run("output", perfInput(16, flags))
		}
		s.DrainPerf(r, 16)
		s.Run("output", perfInput(16, 0))
		s.Logf("pause: %v", r.Pause())
		s.Run("output", perfInput(16, 0))
		s.DrainPerf(r, 16)
		s.Logf("resume: %v", r.Resume())
		s.Run("output", perfInput(24, 0))
		s.DrainPerf(r, 24)
		s.Logf("flush: %v", r.Flush())
		_, err := r.Next()
		s.Logf("flushed: %v", err)
		s.Logf("close: %v", r.Close())
		s.Run("output", perfInput(16, 0))
		_, err = r.Next()
		s.Logf("closed: %s, %s, %s, %s", eventError(err), eventError(r.Pause()), eventError(r.Resume()), eventError(r.Flush()))
		s.Logf("close again: %v", r.Close())
	}},
	{Object: "perf_output", Name: "full", Do: func(s *Session) {
		for _, size := range []int{1, 5000, 12000} {
			r := s.PerfReader("events", size, PerfOptions{})
			s.Logf("buffer of %d", r.BufferSize())
			for range 4 {
				s.Run("fill", packet64)
				s.DrainPerf(r, 60)
				s.Run("output", perfInput(1000, currentCPU))
				s.Run("fill", packet64)
				s.Run("output", perfInput(1001, currentCPU))
				s.DrainPerf(r, 60)
				s.DrainPerf(r, 60)
			}
			r.Close()
		}
	}},
	{Object: "perf_output", Name: "overwritable", Do: func(s *Session) {
		r := s.PerfReader("events", 4096, PerfOptions{Overwritable: true})
		defer r.Close()
		_, err := r.Next()
		s.Logf("%v", err)
		for range 4 {
			s.Run("some", packet64)
			s.Logf("pause: %v", r.Pause())
			s.DrainPerf(r, 28)
			s.Logf("resume: %v", r.Resume())
			for range 40 { // more than there is room for
				s.Run("some", packet64)
			}
			s.Run("output", perfInput(777, currentCPU))
			s.Logf("pause: %v", r.Pause())
			s.DrainPerf(r, 28)
			s.Logf("resume: %v", r.Resume())
		}
	}},
	{Object: "perf_output", Name: "watermark", Do: func(s *Session) {
		for _, opts := range []PerfOptions{{Watermark: 200}, {Watermark: 399}, {WakeupEvents: 7}} {
			for runs := range 4 { // of five samples of 40 bytes each
				r := s.PerfReader("events", 8192, opts)
				for range runs {
					s.Quiet("some", packet64)
				}
				start := time.Now()
				r.SetDeadline(start.Add(80 * time.Millisecond))
				e, _ := r.Next()
				s.Logf("%+v, %d runs: woken %v, %d bytes left", opts, runs, time.Since(start) < 60*time.Millisecond, e.Remaining)
				s.DrainPerf(r, 28)
				r.Close()
			}
		}
	}},
	{Object: "perf_output", Name: "user", Do: func(s *Session) {
		s.Logf("%v, key %d, value %d, %d entries", s.Map("events").Type(), s.Map("events").KeySize(), s.Map("events").ValueSize(), s.Map("events").MaxEntries())
		s.Lookup("events", uint32(0))
		s.Delete("events", uint32(0))
		s.Delete("events", uint32(9))
		s.Update("events", uint32(0), ^uint32(0), 0)
		s.Update("events", uint32(9), ^uint32(0), 0)
		s.Update("events", uint32(9), ^uint32(0), 1)
		r := s.PerfReader("events", 4096, PerfOptions{})
		defer r.Close()
		s.Delete("events", uint32(0))
		s.Delete("events", uint32(0))
		s.Delete("events", uint32(1))
	}},
	{Object: "perf_packet", Do: func(s *Session) {
		r := s.PerfReader("events", 1<<16, PerfOptions{})
		defer r.Close()
		packet := make([]byte, 100)
		for i := range packet {
			packet[i] = byte(i)
		}
		copy(packet[12:], []byte{0x08, 0x00, 0x45})
		for _, program := range []string{"on_xdp", "on_tc", "on_socket", "on_cgroup"} {
			for _, n := range []uint64{0, 1, 3, 4, 14, 85, 86, 87, 99, 100, 101, 0xfffff, 0x100000} {
				s.Update("flags", uint32(0), currentCPU|n<<32, 0)
				s.Run(program, Input{Packet: packet})
				s.DrainPerf(r, 8+int(n))
			}
		}
	}},
	{Object: "perf_packet", Name: "metadata", Do: func(s *Session) {
		r := s.PerfReader("events", 1<<16, PerfOptions{})
		defer r.Close()
		packet := make([]byte, 100)
		for i := range packet {
			packet[i] = byte(i)
		}
		ctx := make([]byte, 24)
		binary.LittleEndian.PutUint32(ctx, 8)
		binary.LittleEndian.PutUint32(ctx[4:], 100)
		for _, n := range []uint64{1, 91, 92, 93, 100} {
			s.Update("flags", uint32(0), currentCPU|n<<32, 0)
			out := s.Quiet("on_xdp", Input{Packet: packet, Context: ctx})
			s.Logf("%d bytes: %d, %x", n, out.Ret, out.Packet)
			s.Dump()
			s.DrainPerf(r, 8+int(n))
		}
	}},
	{Object: "perf_tracing", Do: func(s *Session) {
		ctx := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 0x1122334455667788), 42)
		s.Run("output", Input{Context: ctx})
		s.Run("counters", Input{Context: ctx})
		r := s.PerfReader("events", 4096, PerfOptions{})
		defer r.Close()
		s.Run("output", Input{Context: ctx})
		s.DrainPerf(r, 9)
		s.Run("counters", Input{Context: ctx})
	}},
	{Object: "perf_types", Do: func(s *Session) {
		r := s.PerfReader("events", 4096, PerfOptions{})
		defer r.Close()
		for range 3 {
			for _, program := range []string{"on_xdp", "on_tc", "on_socket", "on_cgroup", "on_lwt"} {
				s.Logf("%s: %d", program, s.Quiet(program, ipv4UDP).Ret)
				s.Dump()
			}
			s.Logf("raw_tp: %d", s.Quiet("on_raw_tp", Input{Context: words(5, 6)}).Ret)
			s.DrainPerf(r, 16)
		}
	}},
	{Object: "perf_loop", Do: func(s *Session) {
		r := s.PerfReader("events", 8192, PerfOptions{})
		defer r.Close()
		for _, n := range []int{14, 50, 333, 700} {
			s.Run("loop", Input{Packet: counting(n)})
			s.DrainPerf(r, 4)
			s.Run("loop", Input{Packet: counting(n)})
		}
		s.DrainPerf(r, 4)
	}},
	{Object: "perf_output", Name: "processors", Do: func(s *Session) {
		if n, err := ebpf.PossibleCPU(); err != nil || n < 2 {
			return
		}
		r := s.PerfReader("events", 4096, PerfOptions{})
		defer r.Close()
		for i := range 12 {
			in := perfInput(4+i, currentCPU)
			in.CPU = uint32(i*5/2) % 2
			s.Run("output", in)
		}
		s.DrainPerf(r, 4)
		for _, cpu := range []uint32{0, 1} {
			for _, index := range []uint64{0, 1, 2} {
				in := perfInput(8, index)
				in.CPU = cpu
				s.Run("output", in)
				s.DrainPerf(r, 8)
			}
		}
		full := packet64
		full.CPU = 1
		s.Run("fill", full)
		s.Run("output", perfInput(100, currentCPU))
		s.DrainPerf(r, 60)
		s.Run("fill", full)
		s.DrainPerf(r, 60)
	}},
	{Object: "perf_tracing", Name: "processors", Do: func(s *Session) {
		if n, err := ebpf.PossibleCPU(); err != nil || n < 2 {
			return
		}
		r := s.PerfReader("events", 4096, PerfOptions{})
		defer r.Close()
		for _, cpu := range []uint32{1, 0} {
			s.Run("output", Input{Context: words(1, 2), CPU: cpu})
			s.DrainPerf(r, 9)
			s.Run("counters", Input{Context: words(1, 2), CPU: cpu})
		}
	}},
}
