package kernel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet/internal/kernel"
	"github.com/rivetbpf/rivet/internal/testenv"
)

func TestRefusedShowsTheEndOfTheLog(t *testing.T) {
	r := &kernel.Refused{Program: "wild", Err: errors.New("permission denied")}
	for i := range 30 {
		r.Log = append(r.Log, strings.Repeat("x", i)+"\n")
	}
	lines := strings.Split(r.Error(), "\n")
	if lines[0] != "the kernel's verifier refuses program wild (permission denied); the last 12 of 30 lines of its log:" ||
		len(lines) != 13 || lines[12] != "    "+strings.Repeat("x", 29) {
		t.Errorf("%q", lines)
	}
}

func TestPrune(t *testing.T) {
	spec := &ebpf.CollectionSpec{
		Programs: map[string]*ebpf.ProgramSpec{"a": {}, "b": {}, "c": {}},
		Maps:     map[string]*ebpf.MapSpec{"m": {Type: ebpf.ProgramArray, Contents: []ebpf.MapKV{{Key: uint32(0), Value: "b"}}}},
	}
	kernel.Prune(spec, "a")
	if spec.Programs["a"] == nil || spec.Programs["b"] == nil || spec.Programs["c"] != nil {
		t.Errorf("left are %v", spec.Programs)
	}
}

func TestVerifierRefuses(t *testing.T) {
	testenv.NeedBPF(t)
	_, err := kernel.Load(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"wild": {Name: "wild", Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.LoadMem(asm.R0, asm.R3, 0, asm.Word), asm.Return()}}}})
	var r *kernel.Refused
	if !errors.As(err, &r) || r.Program != "wild" || !strings.Contains(err.Error(), "R3 !read_ok") {
		t.Errorf("%v", err)
	}
}

func TestRun(t *testing.T) {
	testenv.NeedBPF(t)
	ret := asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}
	c, err := kernel.Load(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"pass": {Name: "pass", Type: ebpf.XDP, License: "GPL", Instructions: ret},
		"kp":   {Name: "kp", Type: ebpf.Kprobe, License: "GPL", Instructions: ret},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if res, err := c.Run("pass", kernel.Input{Packet: make([]byte, 14)}); err != nil || res.Ret != 2 || len(res.Packet) != 14 {
		t.Errorf("%+v, %v", res, err)
	}
	for _, test := range []struct{ program, want string }{
		{"pass", "on such packets from 14 bytes on; this one has 3"},
		{"kp", "no way to run a Kprobe program by itself"},
		{"none", `no program "none"`},
	} {
		if _, err := c.Run(test.program, kernel.Input{Packet: make([]byte, 3)}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.program, err, test.want)
		}
	}
}
