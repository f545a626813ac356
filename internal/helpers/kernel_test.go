//go:build linux

package helpers

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// bpf_snprintf formats as bpf_trace_printk does, and gives the text back.
// refused says that the verifier refuses the format.
func kernelFormat(t *testing.T, format string, args [3]uint64, n int) (text string, refused bool) {
	t.Helper()
	insns := asm.Instructions{}
	for i, a := range args {
		insns = append(insns, asm.LoadImm(asm.R1, int64(a), asm.DWord), asm.StoreMem(asm.R10, int16(-24+8*i), asm.R1, asm.DWord))
	}
	insns = append(insns,
		asm.LoadMapValue(asm.R1, 0, 0).WithReference("out"),
		asm.Mov.Imm(asm.R2, 256),
		asm.LoadMapValue(asm.R3, 0, 0).WithReference(".rodata"),
		asm.Mov.Reg(asm.R4, asm.R10),
		asm.Add.Imm(asm.R4, -24),
		asm.Mov.Imm(asm.R5, int32(8*n)),
		asm.FnSnprintf.Call(),
		asm.Return(),
	)
	c, err := ebpf.NewCollection(&ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"out": {Name: "out", Type: ebpf.Array, KeySize: 4, ValueSize: 256, MaxEntries: 1},
			".rodata": {Name: ".rodata", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(format) + 1), MaxEntries: 1, Flags: maps.FRdonlyProg,
				Contents: []ebpf.MapKV{{Key: uint32(0), Value: []byte(format + "\x00")}}},
		},
		Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.XDP, License: "GPL", Instructions: insns}},
	})
	if errors.Is(err, syscall.EINVAL) {
		return "", true
	}
	if err != nil {
		t.Fatalf("%q: %v", format, err)
	}
	defer c.Close()
	if _, _, err := c.Programs["p"].Test(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	b, err := c.Maps["out"].LookupBytes(uint32(0))
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:bytes.IndexByte(b, 0)]), false
}

// conversions counts what takes an argument.
func conversions(format string) int {
	return strings.Count(strings.ReplaceAll(format, "%%", ""), "%")
}

func TestPrintkAsInKernel(t *testing.T) {
	testenv.NeedBPF(t)
	var out bytes.Buffer
	run, mem, at := world(t, &out)
	_, asciiOnly := kernelFormat(t, "\xc3", [3]uint64{}, 0) // older kernels
	args := [3]uint64{0xffff_ffff_8000_0001, 42, 0x1_0000_00ff}
	for _, format := range []string{
		"plain", "%d %i %u", "%x %x %X", "%ld %lld %llx", "%lu %llu %li", "%llX|%lli|%lx", "%5d|%-5d|%05d", "%-20llx|", "%020lld|%020lld",
		"%+d %+d", "% d|% d", "%+05d|% 05d", "100%% %d", "%c%c", "%3u%%", "%-05d|", "%1d", "%25u", "tab\t%d\n",
		"%h", "%hd", "%hhd", "%f", "%q", "%", "%5", "%l", "%ll", "%lll", "%lls", "%ls", "%lp", "%z", "%zd", "%5c|", "%-5c|", "%05x", "%#x", "%.5d", "%*d",
		"%d%d%d", "%0d", "%00d", "%-d", "%--5d|", "%-+5d|", "%D", "% ", "\x01", "\x7f", "\xc3", "\x80", "\xff%d", "%\xc3", "d\xc3\xa9j\xc3\xa0", "a\vb\fc\rd", "%%%%", "%% d",
	} {
		if asciiOnly && strings.ContainsFunc(format, func(r rune) bool { return r > 0x7f }) {
			continue
		}
		clear(mem)
		copy(mem, format)
		out.Reset()
		r0, err := run.Helper(bpf.CallHelper, 6, &[5]uint64{at, uint64(len(format)) + 1, args[0], args[1], args[2]})
		if err != nil {
			t.Errorf("%q: %v", format, err)
			continue
		}
		want, refused := kernelFormat(t, format, args, conversions(format))
		if refused != (int64(r0) == -int64(maps.EINVAL)) {
			t.Errorf("%q: gives %d; refused in the kernel: %v", format, int64(r0), refused)
			continue
		}
		if got := strings.TrimSuffix(out.String(), "\n"); !refused && got != strings.TrimSuffix(want, "\n") {
			t.Errorf("%q: %q, in the kernel %q", format, got, want)
		}
	}
}
