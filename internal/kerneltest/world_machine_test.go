//go:build linux

package kerneltest

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/cilium/ebpf"
)

// What programs make of maps, rather than what a single call gives.
var mapUseScripts = []Script{
	{Object: "map_machine", Do: machine},
	{Object: "map_machine_all", Do: machine},
	{Object: "flows", Do: func(s *Session) {
		s.Update("blocked", []byte{10, 0, 0, 3}, uint32(0), ebpf.UpdateAny)
		r := rand.New(rand.NewPCG(5, 6))
		for range 300 {
			s.Quiet("count", Input{Packet: flowPacket(r)})
		}
		for range 10 {
			s.Run("count", Input{Packet: flowPacket(r)})
		}
		s.Run("count", Input{Packet: make([]byte, 20)})
	}},
	{Object: "hash_subprogs", Do: func(s *Session) {
		for n := range 8 {
			packet := make([]byte, 64)
			for i := range packet {
				packet[i] = byte(n % 3 * i / 8)
			}
			s.Run("entry", Input{Packet: packet})
		}
	}},
	{Object: "hash_large", Do: func(s *Session) {
		page := make([]byte, 5000)
		for i := range page {
			page[i] = byte(i * 7)
		}
		s.Update("pages", uint32(2), page, ebpf.UpdateAny)
		s.Update("each", uint32(0), [][]byte{page}, ebpf.UpdateAny)
		for range 3 {
			s.Run("copy", packet64)
		}
		for key := range uint32(4) {
			s.Update("pages", key, page, ebpf.UpdateNoExist)
			s.Update("each_key", key, [][]byte{page, page}, ebpf.UpdateAny)
		}
		s.Pop("lazy", uint32(1))
		s.Pop("each_key", uint32(1))
		s.Run("many", packet64)
	}},
	{Object: "for_each_changes", Do: func(s *Session) {
		for range 2 {
			for _, p := range []string{"move_all", "replace_all", "nest", "drop_all"} {
				s.Run(p, packet64)
			}
		}
	}},
	{Object: "one_entry", Do: func(s *Session) {
		packet := make([]byte, 64)
		for _, p := range []string{"on_xdp", "on_tc", "on_socket", "on_cgroup", "on_lwt"} {
			s.Logf("%s: %d", p, s.Quiet(p, Input{Packet: packet}).Ret)
			s.Dump()
		}
		s.Logf("on_syscall: %d", s.Quiet("on_syscall", Input{Context: make([]byte, 8)}).Ret)
		for _, m := range []string{"hash", "lazy", "each", "lru"} {
			for key := range uint16(3) {
				var value any = key
				if perCPU(s.Map(m)) {
					value = []uint16{key}
				}
				s.Update(m, key, value, ebpf.UpdateNoExist)
			}
			s.Keys(m)
		}
		s.Dump()
	}},
	{Object: "hammer", Do: func(s *Session) {
		for i := range uint32(200) {
			packet := make([]byte, 64)
			binary.LittleEndian.PutUint32(packet, i%8)
			binary.LittleEndian.PutUint32(packet[4:], 8+i*7%40)
			binary.LittleEndian.PutUint32(packet[8:], i&1)
			for _, m := range []string{"array", "per_cpu_array", "hash", "lazy", "per_cpu_hash", "lru", "lru_per_cpu"} {
				s.Logf("%s %d: %s", m, i, s.Quiet("hammer_"+m, Input{Packet: packet}))
			}
		}
		s.Dump()
	}},
}

// machine runs what packets say.
func machine(s *Session) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 400 {
		packet := make([]byte, 14+4*48)
		for i := 14; i < len(packet); i++ {
			packet[i] = byte(r.Uint32())
		}
		if n%20 == 0 {
			s.Run("run", Input{Packet: packet})
		} else {
			s.Logf("run %d: %s", n, s.Quiet("run", Input{Packet: packet}))
		}
	}
}

// flowPacket returns a TCP or UDP packet of one of a few flows.
func flowPacket(r *rand.Rand) []byte {
	p := make([]byte, 14+20+20+r.IntN(40))
	copy(p[12:], []byte{8, 0, 0x45})
	binary.BigEndian.PutUint16(p[16:], uint16(len(p)-14))
	p[22], p[23] = 64, []byte{6, 17, 1}[r.IntN(3)]
	copy(p[26:], []byte{10, 0, 0, byte(r.IntN(4)), 10, 0, 0, byte(r.IntN(4))})
	binary.BigEndian.PutUint16(p[34:], uint16(1000+r.IntN(3)))
	binary.BigEndian.PutUint16(p[36:], 80)
	p[47] = byte(r.IntN(32))
	return p
}
