//go:build linux

package kerneltest

import (
	"encoding/binary"
	"time"

	"github.com/cilium/ebpf"
)

// flowScripts are about what leaves the straight way: locks, loops, timers, exceptions, and objects that
// programs own.
var flowScripts = []Script{
	{Object: "spin_lock", Do: func(s *Session) {
		locked := func(a uint64, b uint32) []byte {
			v := make([]byte, 16)
			binary.LittleEndian.PutUint64(v, a)
			binary.LittleEndian.PutUint32(v[8:], 0xffffffff) // where the lock is: not copied
			binary.LittleEndian.PutUint32(v[12:], b)
			return v
		}
		s.Run("both", packet64)
		for _, flags := range []ebpf.MapUpdateFlags{0, 4, 5, 6, 7, 8} {
			s.Update("values", uint32(1), locked(uint64(10*flags), uint32(flags)), flags)
			s.Update("values", uint32(9), locked(1, 1), flags)
			s.Run("both", packet64)
		}
		s.Update("notes", uint32(7), uint64(1), 4)
		s.Run("update_locked", packet64)
		s.Run("in_subprog", packet64)
		s.Run("in_subprog", packet64)
	}},
	{Object: "spin_lock_bss", Do: func(s *Session) { s.times(3, "global_lock") }},
	{Object: "res_lock", Do: func(s *Session) { s.times(2, "lock", "twice") }},
	{Object: "loop", Do: func(s *Session) {
		s.times(1, "all", "early", "nested")
		for _, n := range []int{14, 60, 200} {
			s.Run("variable", Input{Packet: make([]byte, n)})
		}
	}},
	{Object: "iter_num", Do: func(s *Session) {
		s.times(1, "ranges")
		for _, n := range []int{14, 30, 64, 95} {
			s.Run("nested", Input{Packet: make([]byte, n)})
		}
	}},
	{Object: "iter_bits", Do: func(s *Session) { s.Run("bits", Input{}) }},
	{Object: "may_goto", Do: func(s *Session) {
		for _, n := range []int{14, 60, 301} {
			s.Run("bounded_by_data", Input{Packet: make([]byte, n)})
			s.Run("twice", Input{Packet: make([]byte, n)})
		}
		s.Run("for_ever", Input{Packet: make([]byte, 77)})
	}},
	{Object: "throw", Do: func(s *Session) {
		for _, n := range []int{14, 64, 65, 200} {
			for _, p := range []string{"from_main", "from_subprog"} {
				s.Run(p, Input{Packet: make([]byte, n)})
			}
		}
	}},
	{Object: "throw_callback", Alone: "the verifier refuses bpf_throw in callbacks", Do: func(s *Session) { s.times(2, "from_callback") }},
	{Object: "sections", Do: func(s *Session) { s.times(2, "enter") }},
	{Object: "timer", Do: timers},
	{Object: "timer_hash", Do: func(s *Session) {
		s.Quiet("soon", packet64)
		s.until("notes", 8, 1000)
		s.Run("later", packet64)
		s.Run("later", packet64) // its timer is there already
		s.Run("forget", packet64)
		s.Run("forget", packet64)
		s.Run("later", packet64)
		s.Delete("flows", uint64(5))
		s.Run("later", packet64)
		s.Update("flows", uint64(5), make([]byte, 24), 0)
		s.Run("later", packet64)
	}},
	{Object: "wq", Do: func(s *Session) {
		s.Quiet("queue", packet64)
		s.until("works", 1, 11)
		s.Dump()
	}},
	{Object: "objects", Alone: ownBTF, Do: func(s *Session) {
		s.times(1, "use", "drop", "make", "use", "use", "make", "use", "drop", "drop", "use", "many", "make")
		s.Update("kept", uint32(1), make([]byte, 16), 0) // frees what is there
		s.times(1, "use")
	}},
	{Object: "list", Alone: ownBTF, Do: func(s *Session) {
		s.times(1, "peek", "take", "fill", "peek", "take", "drain", "fill", "fill", "drain", "peek", "refill", "empty", "refill", "drain")
	}},
	{Object: "rbtree", Alone: ownBTF, Do: func(s *Session) {
		s.times(1, "first", "drain", "fill", "first", "search", "drain", "fill", "drain", "search")
	}},
	{Object: "refcount", Alone: ownBTF, Do: func(s *Session) {
		s.times(2, "insert")
		s.times(3, "remove")
		s.times(1, "twice", "remove")
	}},
	{Object: "percpu_object", Alone: ownBTF, Do: func(s *Session) { s.times(1, "count", "make", "count", "count", "make", "count") }},
	{Object: "cpumask", Do: func(s *Session) { s.Run("masks", Input{}) }},
	{Object: "lookups", Do: func(s *Session) {
		s.Hide("cpu_words", "cpu_odds") // which processor runs them is not the same twice
		s.times(2, "constants", "changed", "through_pointer", "rodata")
		for _, n := range []int{14, 17, 64, 71} {
			s.Run("computed", Input{Packet: make([]byte, n)})
			s.folded("cpu_words", 8)
			s.folded("cpu_odds", 5)
		}
	}},
}

// ownBTF says why the kernel cannot do what allocates objects that maps hold. What libbpf makes of them there
// is in TestOwnedObjects.
const ownBTF = "cilium/ebpf gives each map and each program BTF of its own, so that the kernel takes their types for different ones"

// times runs programs so many times each.
func (s *Session) times(n int, programs ...string) {
	for _, p := range programs {
		for range n {
			s.Run(p, packet64)
		}
	}
}

// folded logs the sums over all processors of the bytes of each value.
func (s *Session) folded(m string, entries uint32) {
	for key := range entries {
		all, err := s.Map(m).LookupBytes(key)
		sums := make([]int, (s.Map(m).ValueSize()+7)&^7)
		for i, b := range all {
			sums[i%len(sums)] += int(b)
		}
		s.Logf("%s[%d] on all processors: %v %s", m, key, sums, Errno(err))
	}
}

// until waits until the first word of a value is want.
func (s *Session) until(m string, key uint32, want uint64) {
	var got uint64
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var v []byte
		if s.Map(m).Lookup(key, &v) == nil {
			if got = binary.LittleEndian.Uint64(v); got == want {
				break
			}
		}
	}
	s.Logf("%s[%d] is %d in the end", m, key, got)
}

// timers compares what timers do once they have done it: when, is not the same twice.
func timers(s *Session) {
	s.Run("rules", packet64)
	s.Hide("timers")
	for _, p := range []struct {
		name  string
		key   uint32
		fired uint64
	}{{"once", 3, 1}, {"absolute", 4, 1}, {"thrice", 5, 3}, {"self", 6, 1}} {
		s.Quiet(p.name, packet64)
		s.until("timers", p.key, p.fired)
	}
	s.Run("ahead", packet64)
	s.Update("timers", uint32(7), make([]byte, 32), 0)
	s.Run("ahead", packet64) // no timer is there any more
	s.hidden["timers"] = false
	s.Dump()
}
