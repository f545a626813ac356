//go:build linux

package kerneltest

import "github.com/cilium/ebpf"

var mapInMapScripts = []Script{
	{Object: "mapinmap", Do: mapInMap},
	{Object: "inner_kinds", Do: innerKinds},
}

func mapInMap(s *Session) {
	runs := func() {
		for _, n := range []int{14, 15, 18, 22, 23} {
			s.Run("through_array", Input{Packet: make([]byte, n)})
			s.Run("through_hash", Input{Packet: make([]byte, n)})
		}
		for i := range uint32(5) {
			s.Found("outer", i)
			s.Found("named", uint64(i))
		}
		s.keys("outer")
	}
	runs()
	for _, flags := range []ebpf.MapUpdateFlags{0, 1, 2, 3, 4} {
		for i := range uint32(4) {
			s.Inner("outer", i, "two", s.Map("two"), flags)
			s.Inner("named", uint64(i), "table", s.Map("table"), flags)
		}
	}
	runs()
	for _, name := range []string{"one", "table", "longer", "larger", "notes", "outer", "named"} {
		s.Inner("outer", uint32(1), name, s.Map(name), ebpf.UpdateAny)
		s.Inner("named", uint64(1), name, s.Map(name), ebpf.UpdateExist)
	}
	runs()
	for i := range uint32(5) {
		s.Delete("outer", i)
		s.Delete("named", uint64(i))
	}
	runs()
	array := &ebpf.MapSpec{Name: "made", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 4,
		Contents: []ebpf.MapKV{{Key: uint32(1), Value: uint64(11)}, {Key: uint32(3), Value: uint64(33)}}}
	m := s.NewMap(array)
	s.Inner("outer", uint32(1), "made", m, 0)
	s.Inner("named", uint64(1), "made", m, 0)
	runs()
	for i := range uint32(4) {
		v, err := m.LookupBytes(i)
		s.Logf("made[%d] = %x, %s", i, v, Errno(err))
	}
	for _, change := range []func(*ebpf.MapSpec){
		func(m *ebpf.MapSpec) { m.MaxEntries = 5 },
		func(m *ebpf.MapSpec) { m.ValueSize = 4 },
		func(m *ebpf.MapSpec) { m.Flags = 1 << 12 },
		func(m *ebpf.MapSpec) { m.Type = ebpf.Hash },
		func(m *ebpf.MapSpec) { m.Type = ebpf.LRUHash },
		func(m *ebpf.MapSpec) { m.Type = ebpf.PerCPUArray },
		func(m *ebpf.MapSpec) { m.MaxEntries = 0 },
		func(m *ebpf.MapSpec) { m.Type, m.MaxEntries = ebpf.Hash, 100 },
	} {
		spec := array.Copy()
		spec.Contents = nil
		change(spec)
		if m := s.NewMap(spec); m != nil {
			s.Inner("outer", uint32(2), spec.String(), m, 0)
			s.Inner("named", uint64(7), spec.String(), m, 0)
			s.Delete("named", uint64(7))
		}
	}
	runs()
}

func innerKinds(s *Session) {
	runs := func() {
		for _, n := range []int{14, 15, 17, 22} {
			s.Run("look", Input{Packet: make([]byte, n)})
		}
	}
	runs()
	for i, n := range []uint32{1, 6, 8, 100} {
		m := s.NewMap(&ebpf.MapSpec{Name: "a", Type: ebpf.Array, Flags: 1 << 12, KeySize: 4, ValueSize: 4, MaxEntries: n})
		s.Inner("arrays", uint32(i), "a", m, 0)
		m = s.NewMap(&ebpf.MapSpec{Name: "t", Type: ebpf.LPMTrie, Flags: 1, KeySize: 8, ValueSize: 4, MaxEntries: n})
		s.Inner("tries", uint32(i), "t", m, 0)
		m = s.NewMap(&ebpf.MapSpec{Name: "q", Type: ebpf.Queue, ValueSize: 4, MaxEntries: n})
		s.Inner("queues", uint32(i), "q", m, 0)
		runs()
	}
}
