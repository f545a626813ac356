package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// The kernel of this machine as an oracle: what its verifier says about the
// form of a program. bpf(2) is called directly, since libraries correct or
// refuse what these tests must ask.

// kernel holds what programs of the tests refer to.
type kernel struct{ maps []int }

func bpfCall(cmd uintptr, attr []byte) (int, error) {
	r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(&attr[0])), uintptr(len(attr)))
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

// openKernel makes testMaps in the kernel. The test is skipped where bpf(2) is
// not allowed: no tool that could be installed changes that.
func openKernel(t *testing.T) *kernel {
	t.Helper()
	testenv.SkipEmulated(t, "compares with the kernel, whose bpf system call emulators lack")
	k := &kernel{}
	for _, m := range testMaps() {
		attr := make([]byte, 64)
		for i, v := range []uint32{m.Type, m.KeySize, m.ValueSize, m.MaxEntries} {
			binary.NativeEndian.PutUint32(attr[i*4:], v)
		}
		fd, err := bpfCall(unix.BPF_MAP_CREATE, attr)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			t.Skipf("bpf(2): %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		k.maps = append(k.maps, fd)
		t.Cleanup(func() { unix.Close(fd) })
	}
	// Kernels before 6.14 do not have all instructions that we have.
	newest := code(t, "7a 10 0 -8; db 0 10 -8 0x100; exit")
	if ok, log := k.verify(newest); !ok {
		t.Skipf("this kernel does not have load-acquire: %s", log)
	}
	return k
}

// verify returns whether the kernel accepts an XDP program, and its log.
func (k *kernel) verify(insns []bpf.Insn) (ok bool, log string) {
	insns = slices.Clone(insns)
	for pc := range insns {
		if in := &insns[pc]; in.IsLDDW() && (in.Src == bpf.LoadMap || in.Src == bpf.LoadMapValue) && int(in.Imm) < len(k.maps) && in.Imm >= 0 {
			in.Imm = int32(k.maps[in.Imm])
		}
	}
	if len(insns) == 0 {
		return false, "no instructions"
	}
	code, license, buf := encode(insns), []byte("GPL\x00"), make([]byte, 1<<16)
	attr := make([]byte, 128)
	put32 := func(at int, v uint32) { binary.NativeEndian.PutUint32(attr[at:], v) }
	putPtr := func(at int, b []byte) {
		binary.NativeEndian.PutUint64(attr[at:], uint64(uintptr(unsafe.Pointer(&b[0]))))
	}
	put32(0, unix.BPF_PROG_TYPE_XDP)
	put32(4, uint32(len(insns)))
	putPtr(8, code)
	putPtr(16, license)
	put32(24, 1) // log level
	put32(28, uint32(len(buf)))
	putPtr(32, buf)
	fd, err := bpfCall(unix.BPF_PROG_LOAD, attr)
	if err == nil {
		unix.Close(fd)
		return true, ""
	}
	log, _, _ = strings.Cut(string(buf), "\x00")
	if log == "" {
		log = err.Error()
	}
	return false, log
}

// TestRulesKernel compares each rule with Linux, except where it is known why not.
func TestRulesKernel(t *testing.T) {
	k := openKernel(t)
	for _, c := range ruleTests {
		if c.linux != "" {
			continue
		}
		insns := code(t, c.code)
		if ok, log := k.verify(insns); ok != (c.want == "") {
			t.Errorf("%s: we: %q, Linux accepts: %v\n%s%s", c.name, c.want, ok, log, describe(insns))
		}
	}
}

// TestDepthKernel compares the limits of frames and stack with Linux. Tail
// calls in subprograms need type information there, which cilium/ebpf makes.
func TestDepthKernel(t *testing.T) {
	openKernel(t)
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("Linux mixes subprograms and tail calls on amd64 and arm64 alone")
	}
	jmp, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer jmp.Close()
	integer := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	proto := &btf.FuncProto{Return: integer, Params: []btf.FuncParam{{Name: "ctx", Type: &btf.Pointer{Target: &btf.Void{}}}}}
	for _, c := range depthTests() {
		insns, err := asm.AppendInstructions(nil, bytes.NewReader(encode(c.insns)), binary.LittleEndian, "linux")
		if err != nil {
			t.Fatal(err)
		}
		starts := map[asm.RawInstructionOffset]bool{0: true}
		for it := insns.Iterate(); it.Next(); {
			if it.Ins.IsFunctionCall() {
				starts[it.Offset+asm.RawInstructionOffset(it.Ins.Constant)+1] = true
			}
			if it.Ins.IsLoadFromMap() {
				if err := it.Ins.AssociateMap(jmp); err != nil {
					t.Fatal(err)
				}
			}
		}
		for it := insns.Iterate(); it.Next(); {
			if starts[it.Offset] {
				f := &btf.Func{Name: fmt.Sprintf("f%d", it.Offset), Type: proto, Linkage: btf.StaticFunc}
				*it.Ins = btf.WithFuncMetadata(*it.Ins, f)
			}
		}
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: insns})
		if err == nil {
			p.Close()
		}
		if (err == nil) != (c.want == "") {
			t.Errorf("%s: we: %q, Linux: %v", c.name, c.want, err)
		}
	}
}

// form are the verifier's words for errors of form, as against errors of
// meaning (types of pointers, bounds), which are not our business.
var form = regexp.MustCompile(`reserved|unknown opcode|invalid BPF_|unknown alu|frame pointer is read only|R1[1-5] is invalid|` +
	`jump out of range|invalid destination|last insn is not|invalid atomic|BPF_END|invalid bpf_ld_imm64|unrecognized|BPF_ATOMIC uses`)

// sweepProgram puts an instruction of the sweep between others that give its
// registers values.
func sweepProgram(in bpf.Insn) []bpf.Insn {
	insns := []bpf.Insn{
		{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Off: -16},
		{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Off: -8},
		{Op: bpf.OpMovX, Dst: bpf.R2, Src: bpf.R10},
		{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R2, Imm: -16},
		{Op: bpf.OpMovK, Dst: bpf.R3, Imm: 1},
		{Op: bpf.OpMovK, Dst: bpf.R0},
		in,
	}
	if in.IsLDDW() {
		insns = append(insns, bpf.Insn{})
	}
	for range 10 { // room for jumps, reachable
		insns = append(insns, bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0})
	}
	return append(insns, bpf.Insn{Op: bpf.OpExit})
}

// sweepBase is a valid instruction with the opcode, where there is one.
func sweepBase(op uint8) bpf.Insn {
	in := bpf.Insn{Op: op}
	switch rules[op].special {
	case plain, atomic, lddw:
	case jump:
		in.Dst = bpf.R3
		return in
	default:
		return in
	}
	switch in.Class() {
	case bpf.ClassLDX:
		in.Dst, in.Src = bpf.R4, bpf.R2
	case bpf.ClassST, bpf.ClassSTX:
		in.Dst = bpf.R2
		if in.Class() == bpf.ClassSTX {
			in.Src = bpf.R3
		}
	case bpf.ClassALU, bpf.ClassALU64:
		in.Dst = bpf.R3
		if in.ALUOp() == bpf.ALUEnd {
			in.Imm = 16
		} else if in.Op&bpf.SrcX == 0 && in.ALUOp() != bpf.ALUNeg {
			in.Imm = 3
		}
	case bpf.ClassLD:
		in.Dst = bpf.R4
	}
	return in
}

// TestSweepKernel changes one field of every opcode at a time. Where we accept,
// Linux must have nothing to say about the form; where we refuse, Linux must.
func TestSweepKernel(t *testing.T) {
	k := openKernel(t)
	regs := []uint8{0, 1, 2, 3, 4, 9, 10, 11, 15}
	offs := []int16{0, 1, 2, 4, 8, 16, 32, 64, -1}
	imms := []int32{0, 1, 2, 16, 32, 64, 0x40, 0x41, 0xa1, 0xe0, 0xe1, 0xf0, 0xf1, 0x100, 0x101, 0x110, 0x111, 0x120, -1}
	n := 0
	for op := range 256 {
		base := sweepBase(uint8(op))
		var try []bpf.Insn
		for _, r := range regs {
			dst, src := base, base
			dst.Dst, src.Src = r, r
			try = append(try, dst, src)
		}
		for _, off := range offs {
			in := base
			in.Off = off
			try = append(try, in)
		}
		for _, imm := range imms {
			in := base
			in.Imm = imm
			try = append(try, in)
		}
		for _, in := range try {
			insns := sweepProgram(in)
			_, err := loadCode(insns)
			ok, log := k.verify(insns)
			n++
			switch {
			case err == nil && !ok && form.MatchString(log) && !knownStricter(in):
				t.Errorf("% x: accepted; Linux: %s", appendInsn(nil, in), log)
			case err != nil && ok && !knownLooser(in):
				t.Errorf("% x: refused, though Linux accepts: %v", appendInsn(nil, in), err)
			}
		}
	}
	t.Logf("%d instructions compared", n)
}

// knownStricter lists what we accept and Linux calls malformed.
func knownStricter(in bpf.Insn) bool {
	return in.Op == bpf.OpCallX // no such instruction in Linux
}

// knownLooser lists what we refuse and Linux accepts.
func knownLooser(in bpf.Insn) bool {
	return in.Op == bpf.OpExit && in.Off != 0 || // RFC 9669, section 3: unused fields are 0
		in.Op == 0x0d // gotox
}

// TestEncode has the layout of RFC 9669, section 3.
func TestEncode(t *testing.T) {
	in := bpf.Insn{Op: 0x0f, Dst: 1, Src: 2, Off: 0x0403, Imm: 0x08070605}
	want := []byte{0x0f, 0x21, 3, 4, 5, 6, 7, 8}
	if got := appendInsn(nil, in); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if got := decode(want); got[0] != in {
		t.Errorf("%+v, want %+v", got[0], in)
	}
}
