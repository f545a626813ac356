//go:build linux

package kerneltest

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/cilium/ebpf"
)

var lpmScripts = []Script{
	{Object: "lpm", Name: "cases", Do: lpmCases},
	{Object: "lpm", Name: "random", Do: lpmRandom},
	{Object: "lpm_wide", Do: lpmWide},
}

// keys logs all keys of a map in the order in which it gives them.
func (s *Session) keys(m string) {
	var all [][]byte
	var cursor any
	for range s.Map(m).MaxEntries() + 1 {
		next, err := s.Map(m).NextKeyBytes(cursor)
		if err != nil || next == nil {
			s.Logf("keys of %s: %x, %s", m, all, Errno(err))
			return
		}
		all, cursor = append(all, next), next
	}
	s.Logf("keys of %s do not end: %x", m, all)
}

// lpmPrefix is a key of an LPM trie.
func lpmPrefix(length uint32, data ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, length), data...)
}

// lpmOrder is the packet of the programs of lpm.c.
func lpmOrder(key []byte, value, flags uint64) Input {
	p := binary.LittleEndian.AppendUint64(nil, flags)
	p = binary.LittleEndian.AppendUint64(p, value)
	return Input{Packet: append(append(p, key...), make([]byte, 40)...)}
}

func lpmCases(s *Session) {
	s.keys("trie")
	s.Run("lookup", lpmOrder(lpmPrefix(32, 10, 0, 0, 1), 0, 0))
	s.Run("delete", lpmOrder(lpmPrefix(32, 10, 0, 0, 1), 0, 0))
	for i, key := range [][]byte{
		lpmPrefix(24, 192, 168, 0, 0), lpmPrefix(16, 192, 168, 77, 88), lpmPrefix(24, 192, 168, 128, 0), lpmPrefix(24, 192, 168, 1, 0), lpmPrefix(0, 1, 2, 3, 4),
		lpmPrefix(32, 10, 0, 0, 1), lpmPrefix(8, 10, 9, 9, 9), lpmPrefix(33, 10, 0, 0, 0), lpmPrefix(1<<32-1, 1, 1, 1, 1), lpmPrefix(32, 255, 255, 255, 255), lpmPrefix(24, 192, 168, 0, 99),
	} {
		for _, flags := range []uint64{2, 1, 1, 2, 0, 3, 4, 8} {
			s.Run("update", lpmOrder(key, uint64(i)*100+flags, flags))
			s.Update("trie", key, uint64(i)*100+flags+50, ebpf.MapUpdateFlags(flags))
		}
		s.keys("trie")
	}
	for _, data := range [][]byte{{192, 168, 0, 5}, {192, 168, 1, 255}, {192, 168, 2, 1}, {10, 0, 0, 1}, {10, 0, 0, 2}, {255, 255, 255, 255}, {255, 255, 255, 254}, {0, 0, 0, 0}} {
		for _, length := range []uint32{32, 24, 20, 16, 8, 0, 33} {
			s.Run("lookup", lpmOrder(lpmPrefix(length, data...), 0, 0))
			s.Lookup("trie", lpmPrefix(length, data...))
		}
	}
	for i := range byte(8) { // until it is full
		s.Run("update", lpmOrder(lpmPrefix(32, 7, 7, 7, i), 7, 0))
		s.Update("trie", lpmPrefix(30, 8, i, 0, 0), uint64(8), ebpf.UpdateNoExist)
	}
	s.Update("trie", lpmPrefix(32, 7, 7, 7, 1), uint64(77), ebpf.UpdateAny)
	s.keys("trie")
	s.Run("hold", lpmOrder(lpmPrefix(32, 10, 0, 0, 1), 0, 0))
	s.Run("hold", lpmOrder(lpmPrefix(32, 10, 0, 0, 1), 0, 0))
	s.Pop("trie", lpmPrefix(0, 0, 0, 0, 0))
	for _, key := range [][]byte{lpmPrefix(16, 192, 168, 0, 0), lpmPrefix(24, 192, 168, 1, 0), lpmPrefix(24, 192, 168, 0, 0), lpmPrefix(0, 0, 0, 0, 0), lpmPrefix(33, 0, 0, 0, 0)} {
		s.Run("delete", lpmOrder(key, 0, 0))
		s.Delete("trie", key)
		s.keys("trie")
	}
}

// lpmRandom does many things with prefixes that are few, so that all of them meet.
func lpmRandom(s *Session) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		key := lpmPrefix(r.Uint32N(7), byte(r.Uint32N(16))<<4, byte(r.Uint32()), 0, 0)
		if r.Uint32N(4) == 0 {
			binary.LittleEndian.PutUint32(key, 28+r.Uint32N(6))
			copy(key[4:], []byte{0x50, 0, 0, byte(r.Uint32N(16))})
		}
		in := lpmOrder(key, uint64(i), uint64(r.Uint32N(8)/2%3))
		switch r.Uint32N(8) {
		case 0, 1:
			s.Logf("update %x: %s", in.Packet[:24], s.Quiet("update", in))
		case 2:
			s.Update("trie", key, uint64(i), ebpf.MapUpdateFlags(r.Uint32N(8)/2%3))
		case 3:
			s.Logf("delete %x: %s", key, s.Quiet("delete", in))
		case 4:
			s.Delete("trie", key)
		case 5:
			s.Lookup("trie", key)
		case 6:
			next, err := s.Map("trie").NextKeyBytes(key)
			s.Logf("key after %x: %x, %s", key, next, Errno(err))
		case 7:
			s.Run("lookup", in)
		}
		if i%50 == 0 {
			s.keys("trie")
		}
	}
}

func lpmWide(s *Session) {
	r := rand.New(rand.NewPCG(3, 4))
	in := func(length uint32) Input {
		data := make([]byte, 256)
		for i := range data {
			if r.Uint32N(100) == 0 {
				data[i] = byte(r.Uint32())
			}
		}
		return Input{Packet: lpmPrefix(length, data...)}
	}
	lengths := []uint32{0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 300, 1000, 2047, 2048, 2049}
	for range 3 {
		for _, l := range lengths {
			s.Run("fill", in(l))
			v6 := lpmPrefix(l, in(0).Packet[4:20]...)
			s.Update("six", v6, uint16(l), ebpf.UpdateAny)
		}
	}
	for _, m := range []string{"wide", "narrow", "six"} {
		s.keys(m)
	}
	for range 20 {
		for _, l := range lengths {
			s.Run("look", in(l))
		}
	}
	for i := range 256 {
		s.Update("narrow", lpmPrefix(8, byte(i)), make([]byte, 13), ebpf.UpdateAny)
	}
	s.keys("narrow")
	for i := range 256 {
		s.Delete("narrow", lpmPrefix(uint32(i%9), byte(i)))
	}
	s.keys("narrow")
}
