// Package verdict names what programs return.
package verdict

import "strconv"

// verdicts are the names that a program type's return values have in the
// kernel's headers (enum xdp_action, TC_ACT_*, enum sk_action, BPF_* of
// enum bpf_ret_code, NF_*).
var verdicts = map[string]map[int32]string{
	"XDP": {0: "XDP_ABORTED", 1: "XDP_DROP", 2: "XDP_PASS", 3: "XDP_TX", 4: "XDP_REDIRECT"},
	"SchedCLS": {-1: "TC_ACT_UNSPEC", 0: "TC_ACT_OK", 1: "TC_ACT_RECLASSIFY", 2: "TC_ACT_SHOT", 3: "TC_ACT_PIPE",
		4: "TC_ACT_STOLEN", 5: "TC_ACT_QUEUED", 6: "TC_ACT_REPEAT", 7: "TC_ACT_REDIRECT", 8: "TC_ACT_TRAP"},
	"SkSKB":     {0: "SK_DROP", 1: "SK_PASS"},
	"LWTIn":     {0: "BPF_OK", 2: "BPF_DROP", 128: "BPF_LWT_REROUTE"},
	"LWTXmit":   {0: "BPF_OK", 2: "BPF_DROP", 7: "BPF_REDIRECT", 128: "BPF_LWT_REROUTE"},
	"Netfilter": {0: "NF_DROP", 1: "NF_ACCEPT"},
}

// sameVerdicts maps program types to the one whose verdicts they share.
var sameVerdicts = map[string]string{
	"SchedACT": "SchedCLS", "SkMsg": "SkSKB", "SkReuseport": "SkSKB", "SkLookup": "SkSKB", "LWTOut": "LWTIn",
}

// Name names what a program of a type returned; a value without a name is
// written as a number.
func Name(progType string, r0 uint64) string {
	if t, ok := sameVerdicts[progType]; ok {
		progType = t
	}
	if name, ok := verdicts[progType][int32(r0)]; ok {
		return name
	}
	if _, known := verdicts[progType]; known {
		return strconv.Itoa(int(int32(r0))) // the kernel reads an int
	}
	return strconv.FormatInt(int64(r0), 10)
}

// Dropped tells whether a packet with this verdict goes no further.
func Dropped(progType string, r0 uint64) bool {
	switch Name(progType, r0) {
	case "XDP_ABORTED", "XDP_DROP", "TC_ACT_SHOT", "TC_ACT_STOLEN", "TC_ACT_QUEUED", "TC_ACT_TRAP",
		"SK_DROP", "BPF_DROP", "NF_DROP":
		return true
	}
	switch progType {
	case "XDP":
		return int32(r0) < 0 || int32(r0) > 4 // an invalid action drops
	case "SocketFilter", "CGroupSKB":
		return uint32(r0) == 0
	}
	return false
}
