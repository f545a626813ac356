//go:build linux

package kerneltest

import "github.com/rivetbpf/rivet"

var timeScripts = []Script{
	{Object: "clocks", Do: func(s *Session) {
		for range 3 {
			s.Run("in_xdp", packet64)
			s.Run("in_tc", packet64)
			s.Run("in_socket", packet64)
		}
	}},
	{Object: "cpus", Options: rivet.CollectionOptions{CPUs: 3}, Do: func(s *Session) {
		s.Run("in_xdp", packet64)
		s.Run("in_socket", packet64)
		s.Run("in_raw_tp", Input{})
	}},
}
