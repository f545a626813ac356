package rivet_test

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

func TestRemoteControl(t *testing.T) {
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.LircMode2, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R3, asm.R1, 0, asm.Word),
		asm.Mov.Imm(asm.R2, 9),
		asm.Mov.Imm(asm.R4, 2),
		asm.FnRcKeydown.Call(),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnRcRepeat.Call(),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, -3),
		asm.Mov.Imm(asm.R3, 4),
		asm.FnRcPointerRel.Call(),
		asm.Return(),
	}}}}
	want := []rivet.RemoteEvent{{Kind: rivet.RemoteKey, Protocol: 9, Scancode: 77, Toggle: true}, {Kind: rivet.RemoteRepeat}, {Kind: rivet.RemoteMove, X: -3, Y: 4}}
	for _, engine := range rivet.Engines() {
		c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 2 {
			res, err := c.Programs["p"].RunDetailed(&rivet.RunOptions{Context: uint32(77)})
			if err != nil || res.R0 != 0 || !slices.Equal(res.Remote, want) {
				t.Errorf("%v: %+v, %v", engine, res, err)
			}
		}
	}
}
