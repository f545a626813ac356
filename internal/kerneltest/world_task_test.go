//go:build linux

package kerneltest

import (
	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// set gives global variables their first values, on every side.
func set(values map[string]any) func(*ebpf.CollectionSpec) {
	return func(spec *ebpf.CollectionSpec) {
		for name, v := range values {
			if err := spec.Variables[name].Set(v); err != nil {
				panic(err)
			}
		}
	}
}

func pidNamespace() (st unix.Stat_t) {
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		panic(err)
	}
	return st
}

var taskScripts = []Script{
	{Object: "task", Do: func(s *Session) {
		for _, p := range []string{"ids", "comm", "task", "signals"} {
			s.Run(p, Input{})
		}
		s.Run("in_tc", packet64)
	}},
	{Object: "pidns", Edit: func(spec *ebpf.CollectionSpec) {
		ns := pidNamespace()
		set(map[string]any{"dev": uint64(ns.Dev), "ino": ns.Ino})(spec)
	}, Do: func(s *Session) {
		s.Run("same", Input{})
		s.Run("other", Input{})
	}},
	{Object: "taskobj", Do: func(s *Session) {
		for _, p := range []string{"loads", "reads", "from_pid"} {
			s.Run(p, Input{})
		}
	}},
}
