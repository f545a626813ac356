package maps

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Struct ops: a table of functions that a kernel would call. Nothing here calls it; the
// map holds what the object says, so that the programs in it can be run one by one.
var structOpsKind = Kind{
	Type:   ebpf.StructOpsMap,
	Check:  checkStructOps,
	Memory: func(d *bpf.Map, _ int) Need { return Need{Fixed: d.Stride()} },
	New:    newArray,
}

// checkStructOps is bpf_struct_ops_map_alloc_check.
func checkStructOps(d *bpf.Map) error {
	const link = 1 << 13 // BPF_F_LINK
	switch {
	case d.KeySize != 4 || d.MaxEntries != 1 || d.ValueSize == 0:
		return fmt.Errorf("key size is %d, max_entries %d, value size %d: must be 4, 1 and not 0", d.KeySize, d.MaxEntries, d.ValueSize)
	case d.Flags&^link != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^link)
	}
	return nil
}
