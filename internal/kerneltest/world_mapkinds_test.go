//go:build linux

package kerneltest

import "github.com/cilium/ebpf"

var mapKindScripts = []Script{
	{Object: "lpm_access", Do: lpmAccess},
	{Object: "lpm_subprog", Do: lpmSubprog},
	{Object: "queue_access", Do: queueAccess},
	{Object: "bloom_seed", Do: bloomSeed},
	{Object: "inner_percpu", Do: innerPerCPU},
	{Object: "inner_walk", Do: innerWalk},
	{Object: "inner_ring", Do: innerRing},
	{Object: "inner_devmap", Do: innerDevMap},
	{Object: "outer_access", Do: outerAccess},
	{Object: "stack_loop", Do: stackLoop},
}

func lengths(s *Session, program string, lengths ...int) {
	for _, n := range lengths {
		s.Run(program, Input{Packet: make([]byte, n)})
	}
}

func lpmAccess(s *Session) {
	all := []string{"user_reads", "user_writes", "prog_reads", "prog_writes"}
	for round := range uint32(3) {
		lengths(s, "entry", 14, 30, 47, 48, 60)
		for i, m := range all {
			key := lpmPrefix(8*round, byte(40+i), 2, 3, 4)
			s.Update(m, key, round, ebpf.UpdateAny)
			s.Lookup(m, key)
			s.Pop(m, key)
			s.keys(m)
			if round == 1 {
				s.Delete(m, key)
				s.Logf("freeze %s: %s", m, Errno(s.Map(m).Freeze()))
			}
		}
	}
}

func lpmSubprog(s *Session) {
	for n := 14; n < 140; n += 9 {
		lengths(s, "learn", n)
		lengths(s, "forward", n+3)
	}
	s.keys("routes")
}

func queueAccess(s *Session) {
	value := make([]byte, 400)
	for round := range 3 {
		lengths(s, "entry", 14, 15, 16, 18, 20, 23)
		for _, m := range []string{"reads", "writes", "peeks", "pushes"} {
			value[0] = byte(round)
			s.Update(m, nil, value, ebpf.UpdateAny)
			s.Update(m, nil, value, ebpf.UpdateExist)
			s.Lookup(m, nil)
			s.Pop(m, nil)
			if round == 1 {
				s.Logf("freeze %s: %s", m, Errno(s.Map(m).Freeze()))
			}
		}
	}
}

func bloomSeed(s *Session) {
	lengths(s, "entry", 14, 20, 77)
	for _, m := range []string{"seeded", "reads", "writes", "asks"} {
		s.Update(m, nil, uint64(20), ebpf.UpdateAny)
		s.Logf("%s has 20: %s", m, Errno(s.Map(m).Lookup(nil, []byte{20, 0, 0, 0, 0, 0, 0, 0})))
	}
	lengths(s, "entry", 14, 20)
}

func innerPerCPU(s *Session) {
	all := func() { lengths(s, "entry", 15, 16, 17, 18, 19) }
	all()
	for _, m := range []string{"counts", "recent", "safe", "unlocked"} {
		for _, outer := range []string{"a", "h", "g"} {
			s.Inner(outer, uint32(0), m, s.Map(m), ebpf.UpdateAny)
		}
	}
	all()
	for i, spec := range []*ebpf.MapSpec{
		{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 2},
		{Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 3},
		{Type: ebpf.LRUHash, KeySize: 4, ValueSize: 8, MaxEntries: 7},
		{Type: ebpf.LRUHash, KeySize: 4, ValueSize: 8, MaxEntries: 100, Flags: 2},
		{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1},
	} {
		m := s.NewMap(spec)
		for _, outer := range []string{"a", "h", "g"} {
			s.Inner(outer, uint32(i%3), "new", m, ebpf.UpdateAny)
		}
		all()
	}
}

func innerWalk(s *Session) {
	name := func(n string) []byte { return append([]byte(n), make([]byte, 7-len(n))...) }
	lengths(s, "entry", 14, 15)
	s.Inner("byname", name("first"), "first", s.Map("first"), ebpf.UpdateNoExist)
	s.Inner("byname", name("first"), "second", s.Map("second"), ebpf.UpdateNoExist)
	s.Inner("byname", name("second"), "second", s.Map("second"), ebpf.UpdateExist)
	s.Inner("byname", name("second"), "second", s.Map("second"), ebpf.UpdateAny)
	for n := 14; n < 60; n += 3 {
		lengths(s, "entry", n)
	}
	for _, n := range []string{"a", "b", "c", "d"} { // until it is full
		s.Inner("byname", name(n), "first", s.Map("first"), ebpf.UpdateAny)
		s.Found("byname", name(n))
	}
	s.Delete("byname", name("first"))
	s.Delete("byname", name("first"))
	lengths(s, "entry", 14, 15)
}

func innerRing(s *Session) {
	lengths(s, "entry", 16, 17, 18)
	s.Inner("rings", uint32(1), "two", s.Map("two"), ebpf.UpdateAny)
	m := s.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 16384})
	s.Inner("rings", uint32(2), "new", m, ebpf.UpdateAny)
	lengths(s, "entry", 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28)
	s.Inner("rings", uint32(0), "two", s.Map("two"), ebpf.UpdateAny)
	lengths(s, "entry", 16, 17, 18, 19, 20)
}

func innerDevMap(s *Session) {
	all := func() { lengths(s, "entry", 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29) }
	all()
	s.Update("one", uint32(2), uint32(1), ebpf.UpdateAny)
	all()
	s.Inner("sets", uint32(0), "one", s.Map("one"), ebpf.UpdateAny)
	for _, entries := range []uint32{4, 9} {
		m := s.NewMap(&ebpf.MapSpec{Type: ebpf.DevMap, KeySize: 4, ValueSize: 4, MaxEntries: entries})
		s.Logf("a device: %s", Errno(m.Update(uint32(1), uint32(1), ebpf.UpdateAny)))
		s.Inner("sets", uint32(1), "new", m, ebpf.UpdateAny)
		all()
	}
}

func outerAccess(s *Session) {
	for round := range 3 {
		for _, m := range []string{"array_reads", "array_writes", "array_frozen", "hash_reads", "hash_writes", "hash_frozen"} {
			s.Inner(m, uint32(1), "one", s.Map("one"), ebpf.UpdateAny)
			s.Found(m, uint32(1))
			s.Found(m, uint32(0))
			s.keys(m)
			if round == 1 {
				s.Logf("freeze %s: %s", m, Errno(s.Map(m).Freeze()))
			}
			if round == 2 {
				s.Delete(m, uint32(1))
				s.Pop(m, uint32(1))
			}
		}
		lengths(s, "entry", 14+round)
	}
}

func stackLoop(s *Session) {
	for _, n := range []int{14, 20, 31, 64, 90, 150} {
		lengths(s, "walk", n)
		for range 70 {
			var v []byte
			if s.Map("order").LookupAndDelete(nil, &v) != nil {
				break
			}
			s.Logf("%x", v)
		}
		s.Pop("todo", nil)
	}
}
