package kerneltest

import (
	"slices"

	"github.com/cilium/ebpf"
)

// skbTypes are the types of programs that are given a struct __sk_buff by BPF_PROG_TEST_RUN.
var skbTypes = []ebpf.ProgramType{ebpf.SchedCLS, ebpf.SchedACT, ebpf.SocketFilter, ebpf.CGroupSKB, ebpf.LWTIn, ebpf.LWTOut, ebpf.LWTXmit}

// skbReturned are the fields of struct __sk_buff that convert_skb_to___skb (net/bpf/test_run.c) fills in, as offset and
// end. The others stay as the caller had them, while rivet returns them all.
var skbReturned = [][2]int{{8, 12}, {32, 44}, {48, 68}, {152, 168}, {184, 192}}

// asKernel makes of a context that rivet gave back what the kernel gives back.
func asKernel(t ebpf.ProgramType, given, got []byte) []byte {
	if !slices.Contains(skbTypes, t) || given == nil {
		return got
	}
	out := slices.Clone(given)
	for _, f := range skbReturned {
		if f[1] <= len(got) && f[1] <= len(out) {
			copy(out[f[0]:f[1]], got[f[0]:])
		}
	}
	return out
}
