//go:build linux

package kerneltest

import "github.com/rivetbpf/rivet"

var tracingScripts = []Script{
	{Object: "tracing", Do: func(s *Session) {
		s.Run("branches", Input{})
		s.Run("mappings", Input{})
	}},
	{Object: "everywhere", Do: func(s *Session) {
		for _, p := range []string{"in_xdp", "in_tc", "in_socket", "in_cgroup"} {
			s.Run(p, packet64)
		}
		s.Run("in_raw_tp", Input{})
		s.Run("in_syscall", Input{})
	}},
	{Object: "percpu", Alone: "package ebpf finds no variables of processors by their type", Options: rivet.CollectionOptions{Ksyms: map[string]uint64{"bpf_prog_active": 0xffff_8880_0000_1000}}, Do: func(s *Session) {
		s.Run("entry", Input{})
	}},
}
