package rivet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// What a program may not do with its context faults when it is done, not before, and says the field's name.
func TestContextFields(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		for _, test := range []struct {
			typ  ebpf.ProgramType
			in   asm.Instruction
			want string
		}{
			{ebpf.XDP, asm.StoreImm(asm.R6, 4, 1, asm.Word), "write to read-only field data_end of struct xdp_md"},
			{ebpf.XDP, asm.LoadMem(asm.R0, asm.R6, 24, asm.Word), "read of 4 bytes at offset 24 of struct xdp_md: no field is there"},
			{ebpf.XDP, asm.LoadMem(asm.R0, asm.R6, 12, asm.Word), ""},
			{ebpf.SchedCLS, asm.StoreImm(asm.R6, 8, 1, asm.Word), ""},
			{ebpf.SocketFilter, asm.StoreImm(asm.R6, 8, 1, asm.Word), "write to read-only field mark of struct __sk_buff"},
			{ebpf.SocketFilter, asm.LoadMem(asm.R0, asm.R6, 76, asm.Word), "field data of struct __sk_buff, which programs of this type do not have"},
			{ebpf.CGroupDevice, asm.StoreImm(asm.R6, 0, 1, asm.Word), "field access_type of struct bpf_cgroup_dev_ctx"},
			{ebpf.Kprobe, asm.StoreImm(asm.R6, 0, 1, asm.Word), ""},
		} {
			spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: test.typ, Instructions: asm.Instructions{
				asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R0, 5), asm.LoadMem(asm.R2, asm.R6, 0, asm.Word), asm.JNE.Imm(asm.R2, 77, "bad"), asm.Return(),
				test.in.WithSymbol("bad"), asm.Mov.Reg(asm.R7, asm.R1), asm.Return()}}}}
			c := load(t, spec, opts)
			_, err := c.Programs["p"].Run(nil)
			var f *rivet.Fault
			switch {
			case test.want == "" && err != nil, test.want != "" && (!errors.As(err, &f) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("%v, %v: %v, want %q", test.typ, test.in, err, test.want)
			case test.want != "" && (f.Kind != rivet.FaultContext || f.Insn != 5 || f.Program != "p"):
				t.Errorf("%v, %v: %+v", test.typ, test.in, f)
			}
			c.Close()
		}
	})
}
