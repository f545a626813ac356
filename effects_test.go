package rivet_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// memoryHost is a host with memory: the range's methods win over the default's.
type memoryHost struct {
	rivet.DefaultHost
	*rivet.MemoryMap
}

// What a program does to tasks and probes, the caller reads in the result, of the last repetition alone.
func TestEffects(t *testing.T) {
	const kernel = 0xffff_8880_0000_0000
	spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.Kprobe, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R1, 9),
		asm.FnSendSignal.Call(),
		asm.Mov.Imm(asm.R2, -13),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnOverrideReturn.Call(),
		asm.Mov.Imm(asm.R1, -5),
		asm.FnSetRetval.Call(),
		asm.LoadImm(asm.R3, -0x7780_0000_0000, asm.DWord),
		asm.Mov.Imm(asm.R2, 4),
		asm.Mov.Reg(asm.R1, asm.R10),
		asm.Add.Imm(asm.R1, -8),
		asm.FnProbeReadKernel.Call(),
		asm.Mov.Imm(asm.R1, 0),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -8),
		asm.Mov.Imm(asm.R3, 4),
		asm.FnSeqWrite.Call(),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetAttachCookie.Call(),
		asm.Return(),
	}}}}
	mem := new(rivet.MemoryMap)
	if err := mem.AddKernel(kernel, []byte("text")); err != nil {
		t.Fatal(err)
	}
	for _, engine := range rivet.Engines() {
		c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine, Host: memoryHost{MemoryMap: mem}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		res, err := c.Programs["p"].RunDetailed(&rivet.RunOptions{AttachCookie: 55, Retval: -1, Repeat: 3})
		if err != nil {
			t.Fatal(err)
		}
		if res.R0 != 55 || len(res.Signals) != 1 || res.Signals[0].Number != 9 || res.Override == nil || int64(*res.Override) != -13 || res.Retval != -5 || string(res.Output) != "text" {
			t.Errorf("%v: %+v", engine, res)
		}
	}
}
