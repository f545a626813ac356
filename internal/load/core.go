package load

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// PoisonHelper is the helper number called in place of an instruction that
// makes no sense on the target: its CO-RE relocation found nothing, or it calls
// a weak kfunc that does not exist. Programs test for that first and go
// around it, so it fails only when it is executed. (The number is libbpf's.)
const PoisonHelper = btf.COREBadRelocationSentinel

// relocate applies CO-RE relocations against target. Without a target the
// object's own types are meant, whose values the compiler has put into the
// instructions already.
func relocate(insns asm.Instructions, local, target *btf.Spec) (_ asm.Instructions, err error) {
	defer recovered("CO-RE", &err)
	if target == nil {
		return insns, nil
	}
	var relos []*btf.CORERelocation
	var at []int
	for i := range insns {
		if r := btf.CORERelocationMetadata(&insns[i]); r != nil {
			relos, at = append(relos, r), append(at, i)
		}
	}
	if len(relos) == 0 {
		return insns, nil
	}
	fixups, err := btf.CORERelocate(relos, []*btf.Spec{target}, byteOrder, local.TypeID)
	if err != nil {
		return nil, fmt.Errorf("CO-RE: %w", err)
	}
	out := make(asm.Instructions, len(insns))
	copy(out, insns)
	for n, i := range at {
		source := out[i].Source()
		if err := fixups[n].Apply(&out[i]); err != nil {
			return nil, fmt.Errorf("CO-RE: insn %d: %v: %w", i, relos[n], err)
		}
		if source != nil {
			out[i] = out[i].WithSource(source)
		}
	}
	return out, nil
}

// poisoned reports whether in was replaced because its relocation found nothing.
func poisoned(in *asm.Instruction) bool {
	if in.Constant != PoisonHelper {
		return false
	}
	return in.IsBuiltinCall() || in.OpCode == asm.OpCode(bpf.OpLDDW) && in.Dst == asm.R10
}
