//go:build linux

package kerneltest

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
)

var queueScripts = []Script{
	{Object: "queue", Do: queueCases},
	{Object: "bloom", Do: bloomCases},
	{Object: "stacks", Do: stackCases},
}

func queueCases(s *Session) {
	value := func(i uint64) []byte { return append(binary.LittleEndian.AppendUint64(nil, i), 1, 2, 3, 4, byte(i)) }
	for _, m := range []string{"queue", "stack"} {
		for round := range 4 {
			s.Run("pop_"+m, packet64)
			for which := range 8 {
				s.Run("push_"+m, Input{Packet: make([]byte, 20+which)})
			}
			for _, flags := range []ebpf.MapUpdateFlags{0, 1, 2, 3, 4, 8, 2} {
				s.Update(m, nil, value(uint64(100*round)+uint64(flags)), flags)
				s.Lookup(m, nil)
			}
			s.Run("pop_"+m, packet64)
			s.Pop(m, nil)
			s.Lookup(m, nil)
			if round%2 == 0 {
				s.Pop(m, nil)
				s.Pop(m, nil)
			}
		}
		s.Delete(m, nil)
		s.keys(m)
	}
	s.Run("one", packet64)
	s.Update("single", nil, uint32(9), 0)
	s.Run("one", packet64)
	s.Pop("single", nil)
}

func bloomCases(s *Session) {
	ask := func(m string, v []byte) {
		s.Logf("%s has %x: %s", m, v, Errno(s.Map(m).Lookup(nil, v)))
	}
	for n := range 30 {
		s.Run("put", Input{Packet: make([]byte, 14+n*7)})
		s.Run("ask", packet64)
	}
	for n := range uint32(64) {
		ask("small", binary.LittleEndian.AppendUint32(nil, n))
		s.Update("small", nil, n*1000, ebpf.MapUpdateFlags(n%4))
		ask("small", binary.LittleEndian.AppendUint32(nil, n*1000))
		ask("large", append(binary.LittleEndian.AppendUint64(nil, uint64(n)), make([]byte, 24)...))
	}
	s.Run("ask", packet64)
	var key []byte
	_, err := s.Map("small").NextKeyBytes(nil)
	s.Logf("refused: %t, %t, %t", s.Map("small").Delete(nil) != nil, s.Map("small").LookupAndDelete(nil, &key) != nil, err != nil)
}

func stackCases(s *Session) {
	s.Run("refused", Input{})
	s.Run("member", packet64)
	s.keys("traces")
	for _, id := range []uint32{0, 7, 8, 1 << 31} {
		s.Lookup("traces", id)
		s.Delete("traces", id)
		s.Update("traces", id, make([]byte, 80), 0)
	}
	s.keys("groups")
	for _, id := range []uint32{0, 2, 3} {
		s.Lookup("groups", id)
		s.Delete("groups", id)
		s.Pop("groups", id)
	}
}
