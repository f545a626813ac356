//go:build linux

package kerneltest

import (
	"fmt"

	"github.com/cilium/ebpf"
)

var hashScripts = []Script{
	{Object: "hash", Do: func(s *Session) {
		s.Run("flags", packet64)
		s.Run("flags", packet64)
		s.Run("fill", packet64)
		for range 3 {
			s.Run("count", packet64)
		}
		s.Run("churn", packet64)
		for _, m := range []string{"values", "lazy"} {
			s.updates(m, uint64(5))
		}
		s.Run("flags", packet64)
	}},
	{Object: "hash_keys", Do: func(s *Session) {
		s.Run("get", packet64)
		s.Run("put", packet64)
		s.Run("get", packet64)
		s.Lookup("two", []byte{1, 2, 5})
		s.Delete("two", []byte{1, 2, 5})
		s.Lookup("two", []byte{1, 2, 5})
		s.Update("one", byte(200), byte(3), ebpf.UpdateNoExist)
		s.Delete("one", byte(2))
		s.Update("four", make([]byte, 12), make([]byte, 320), ebpf.UpdateAny)
		for _, m := range []string{"one", "two", "three", "four", "five"} {
			s.Keys(m)
		}
		s.Run("get", packet64)
	}},
	{Object: "percpu_array", Do: func(s *Session) {
		s.Run("entry", packet64)
		s.updates("counts", s.each(func(cpu int) uint64 { return uint64(cpu) * 3 }))
		s.Run("entry", packet64)
		for n := range 4 {
			s.Run("count", Input{Packet: make([]byte, 64+n)})
		}
		s.Run("others", packet64)
		s.Lookup("odd", uint32(1))
		s.Pop("counts", uint32(1))
		s.Keys("counts")
	}},
	{Object: "percpu_hash", Do: func(s *Session) {
		s.Run("entry", packet64)
		s.Run("in_place", packet64)
		for _, m := range []string{"counts", "lazy"} {
			s.updates(m, s.each(func(cpu int) uint64 { return 1<<40 + uint64(cpu) }))
		}
		s.Run("entry", packet64)
		s.Run("in_place", packet64)
	}},
	{Object: "lru", Do: func(s *Session) {
		s.Run("entry", packet64)
		s.updates("lru", uint64(5))
		s.updates("each", s.each(func(cpu int) uint64 { return uint64(cpu) }))
		s.Run("entry", packet64)
	}},
	{Object: "lru", Name: "full", Do: func(s *Session) {
		s.Hide("lru", "each") // which of the old keys go is a matter of chance
		s.Run("flood", packet64)
		for _, m := range []string{"lru", "each"} {
			s.atMost(m, 512)
		}
		for i := range uint32(1000) {
			if err := s.Map("lru").Update(i, uint64(i), ebpf.UpdateAny); err != nil {
				s.Logf("update of lru: %s", Errno(err))
			}
		}
		s.atMost("lru", 512)
	}},
	{Object: "lru_no_common", Do: func(s *Session) {
		s.Hide("lru", "each")
		s.Run("entry", packet64)
		for _, m := range []string{"lru", "each"} {
			cpus := uint32(ebpf.MustPossibleCPU())
			s.atMost(m, (s.Map(m).MaxEntries()+cpus-1)/cpus)
		}
	}},
	{Object: "for_each", Do: func(s *Session) {
		s.Run("empty", packet64)
		s.Hide("hash", "per_cpu_hash", "lru", "lru_per_cpu") // which two of them the limit lets through
		s.Run("each", packet64)
		s.Run("reset", packet64)
		s.Run("each", packet64)
		s.Run("nested", packet64)
	}},
	{Object: "for_each", Name: "delete", Do: func(s *Session) {
		s.Run("delete_all", packet64)
		s.Run("delete_all", packet64)
	}},
	{Object: "sum_count", Do: func(s *Session) {
		s.Run("entry", packet64)
		s.Delete("hash", uint32(3))
		s.Pop("lru", uint32(3))
		s.Update("per_cpu", uint32(99), s.each(func(int) uint64 { return 1 }), 0)
		s.Run("entry", packet64)
	}},
	{Object: "map_access", Do: func(s *Session) {
		// NextKey and lookups of users are refused for these, so they cannot be dumped.
		s.Hide("write_only", "array_write_only")
		one := s.each(func(int) uint64 { return 1 })
		all := []string{"read_only", "write_only", "array_read_only", "array_write_only", "prog_reads", "prog_writes", "array_prog_reads", "seeded", "near", "frozen"}
		for range 2 {
			for _, m := range all {
				var value any = uint64(7)
				if perCPU(s.Map(m)) {
					value = one
				}
				s.Update(m, uint32(1), value, 0)
				s.Lookup(m, uint32(1))
				s.Delete(m, uint32(2))
				s.Pop(m, uint32(2))
				_, err := s.Map(m).NextKeyBytes(nil)
				s.Logf("next key of %s: %s", m, Errno(err))
				s.BatchError(m, 10, true, nil)
				n, err := s.Map(m).BatchUpdate([]uint32{}, []uint64{}, nil)
				s.Logf("batch update of %s: %d, %s", m, n, Errno(err))
			}
			s.Run("entry", packet64)
			for _, m := range all {
				s.Logf("freeze %s: %s", m, Errno(s.Map(m).Freeze()))
				s.Logf("freeze %s again: %s", m, Errno(s.Map(m).Freeze()))
			}
		}
	}},
	{Object: "hash_users", Do: func(s *Session) {
		for _, m := range hashUsers {
			s.fill(m, 20)
			s.Keys(m)
			s.Pop(m, uint32(3))
			s.Pop(m, uint32(3))
			s.Delete(m, uint32(4))
			s.Delete(m, uint32(4))
			s.Lookup(m, uint32(5))
			s.Lookup(m, uint32(77))
		}
		s.Run("entry", packet64)
		for _, m := range hashUsers {
			s.Logf("freeze %s: %s", m, Errno(s.Map(m).Freeze()))
			s.Delete(m, uint32(7))
			s.Pop(m, uint32(8))
		}
		s.Run("entry", packet64)
	}},
	{Object: "hash_users", Name: "batches", Do: func(s *Session) {
		for _, m := range hashUsers {
			s.Batch(m, 100, false)
			keys, values := s.batchSlices(m, 20)
			for i := range keys {
				keys[i] = uint32(i)
			}
			for i := range values {
				values[i] = uint64(i) * 3
			}
			s.BatchUpdate(m, keys, values)
			s.Batch(m, 100, false)
			s.Batch(m, 3, false)
			s.BatchDelete(m, []uint32{1, 2, 99, 3})
			s.BatchDelete(m, []uint32{})
			keys, values = s.batchSlices(m, 100)
			for i := range keys {
				keys[i] = uint32(i) * 10
			}
			if m != "lru" && m != "lru_per_cpu" {
				s.BatchUpdate(m, keys, values) // more than it has room for
			}
			for _, opts := range []*ebpf.BatchOptions{{ElemFlags: 1}, {ElemFlags: 4}, {ElemFlags: 8}, {Flags: 1}} {
				s.BatchError(m, 10, false, opts)
			}
			s.BatchError(m, 0, false, nil)
		}
		s.Dump()
		s.Run("entry", packet64)
		for _, m := range hashUsers {
			if m == "array" || m == "per_cpu_array" {
				s.BatchError(m, 10, true, nil)
			} else {
				s.Batch(m, 10, true)
				s.Batch(m, 10, true)
			}
		}
		s.Dump()
	}},
	{Object: "hash_lock", Do: func(s *Session) {
		s.Run("entry", packet64)
		value := make([]byte, 88)
		for i := range value {
			value[i] = byte(i)
		}
		for _, m := range []string{"hash", "array"} {
			s.updates(m, value)
			for _, flags := range []ebpf.MapLookupFlags{0, ebpf.LookupLock, 1, 8} {
				for _, key := range []uint32{1, 7, 20} {
					var out []byte
					err := s.Map(m).LookupWithFlags(key, &out, flags)
					s.Logf("lookup %s[%d], flags %d: %x %s", m, key, flags, out, Errno(err))
				}
			}
			var out []byte
			for _, flags := range []ebpf.MapLookupFlags{1, ebpf.LookupLock, ebpf.LookupLock} {
				err := s.Map(m).LookupAndDeleteWithFlags(uint32(1), &out, flags)
				s.Logf("pop %s, flags %d: %x %s", m, flags, out, Errno(err))
			}
			s.Logf("freeze %s: %s", m, Errno(s.Map(m).Freeze()))
		}
		s.Run("entry", packet64)
	}},
	{Object: "hash_held", Do: func(s *Session) {
		s.Run("deleted", packet64)
		s.Run("replaced", packet64)
	}},
}

var hashUsers = []string{"hash", "lazy", "per_cpu", "lru", "lru_per_cpu", "array", "per_cpu_array"}

// each returns a per-CPU value.
func (s *Session) each(value func(cpu int) uint64) []uint64 {
	all := make([]uint64, ebpf.MustPossibleCPU())
	for cpu := range all {
		all[cpu] = value(cpu)
	}
	return all
}

// updates updates keys that are there and others, with all flags and some that there are not.
func (s *Session) updates(m string, value any) {
	for _, key := range []uint32{0, 1, 2, 7, 9, 9} {
		for _, flags := range []ebpf.MapUpdateFlags{0, 1, 2, 3, 4, 5, 6, 7, 8, 1 << 40} {
			s.Update(m, key, value, flags)
		}
		s.Lookup(m, key)
		if key > 1 {
			s.Delete(m, key)
		}
	}
}

// fill puts in n keys.
func (s *Session) fill(m string, n uint32) {
	for key := range n {
		var value any = uint64(key) << 32
		if perCPU(s.Map(m)) {
			value = s.each(func(cpu int) uint64 { return uint64(key)<<8 + uint64(cpu) })
		}
		s.Update(m, key, value, ebpf.UpdateAny)
	}
}

// atMost logs whether a map has some keys, and no more than so many.
func (s *Session) atMost(m string, most uint32) {
	n, cursor := uint32(0), any(nil)
	for {
		next, err := s.Map(m).NextKeyBytes(cursor)
		if err != nil || next == nil {
			break
		}
		n, cursor = n+1, next
	}
	s.Logf("%s has keys: %v; more than %d: %s", m, n > most/4, most, map[bool]string{true: fmt.Sprint(n), false: "no"}[n > most])
}
