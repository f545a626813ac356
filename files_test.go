package rivet_test

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// pathHost knows one struct path.
type pathHost struct{ rivet.DefaultHost }

const pathAt = 0xffff_8880_0000_1010

func (pathHost) Path(addr uint64) (string, bool) { return "/etc/passwd", addr == pathAt }

// fileProgram asks for the path whose address is the first word of its context, into size bytes, writes what it got, and
// has the program that is started run securely.
func fileProgram(size, flags int32) *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.LSM, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R10, -16, asm.R0, asm.DWord),
		asm.StoreMem(asm.R10, -8, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -16),
		asm.Mov.Imm(asm.R3, size),
		asm.FnDPath.Call(),
		asm.Mov.Reg(asm.R6, asm.R0),
		asm.Mov.Imm(asm.R1, 0),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -16),
		asm.Mov.Imm(asm.R3, 16),
		asm.FnSeqWrite.Call(),
		asm.Mov.Imm(asm.R1, 0),
		asm.Mov.Imm(asm.R2, flags),
		asm.FnBprmOptsSet.Call(),
		asm.Mov.Reg(asm.R0, asm.R6),
		asm.Return(),
	}}}}
}

func TestPathsAreTheHosts(t *testing.T) {
	const path = "/etc/passwd\x00\x00\x00\x00\x00"
	for _, engine := range rivet.Engines() {
		for _, test := range []struct {
			size int32
			at   uint64
			host rivet.Host
			want int32
		}{
			{16, pathAt, pathHost{}, 12},
			{12, pathAt, pathHost{}, 12},
			{11, pathAt, pathHost{}, -36},
			{0, pathAt, pathHost{}, 0},
			{16, 0x1000, pathHost{}, -14},
			{16, pathAt, nil, -14},
		} {
			c, err := rivet.NewCollectionWithOptions(fileProgram(test.size, 1), rivet.CollectionOptions{Engine: engine, Host: test.host})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			res, err := c.Programs["p"].RunDetailed(&rivet.RunOptions{Context: test.at})
			if err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 16)
			if test.want > 0 {
				want = []byte(path)
			}
			if int32(res.R0) != test.want || string(res.Output) != string(want) || res.SecureExec == nil || !*res.SecureExec {
				t.Errorf("%v, %d bytes at %#x: %d, %q, %v", engine, test.size, test.at, int32(res.R0), res.Output, res.SecureExec)
			}
		}
	}
}

func TestSecureExec(t *testing.T) {
	for flags, want := range map[int32]*bool{0: new(bool), 2: nil} {
		c, err := rivet.NewCollection(fileProgram(16, flags))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		res, err := c.Programs["p"].RunDetailed(&rivet.RunOptions{Context: uint64(0)})
		if err != nil || (res.SecureExec == nil) != (want == nil) || want != nil && *res.SecureExec != *want {
			t.Errorf("flags %d: %v, %v", flags, res.SecureExec, err)
		}
	}
}
