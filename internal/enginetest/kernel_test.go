//go:build linux

package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// The kernel is asked through one array map with a single value: R0, five
// arguments, then the case's memory.
const (
	valueArgs = 8
	valueMem  = 64
	valueSize = 512
)

// timed are cases in which may_goto ends a loop: Linux has it done by the clock where its JIT can, after 250 ms.
var timed = []string{"maygoto/an endless loop ends", "maygoto/several of one frame have one count, and it stays spent", "maygoto/each frame has its own"}

// minKernelRuns is how many runs the kernel compared when this was written, rounded down.
const minKernelRuns = 17_000

// TestKernel runs in the kernel of the machine every case that its verifier
// accepts, and compares all 64 bits of R0 and the memory.
func TestKernel(t *testing.T) {
	if err := rlimit.RemoveMemlock(); err != nil {
		noKernel(t, err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: valueSize, MaxEntries: 1})
	if err != nil {
		noKernel(t, err)
	}
	defer m.Close()
	cases, err := Load(testdata)
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	var refused []string
	for _, c := range cases {
		insns, ok := kernelProgram(c, m.FD())
		if !ok || slices.Contains(timed, c.Name) {
			continue
		}
		fd, log, err := progLoad(insns)
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s: %v: %s", c.Name, err, lastLine(log)))
			continue
		}
		for _, r := range c.Runs {
			if err := kernelRun(c, r, m, fd); err != nil {
				t.Errorf("%s: arguments %#x: %v", c.Name, r.Args, err)
			}
			runs++
		}
		unix.Close(fd)
	}
	if runs < minKernelRuns {
		t.Errorf("the kernel ran %d cases, should be %d or more", runs, minKernelRuns)
	}
	t.Logf("%d runs agree; the verifier refused %d cases:\n%s", runs, len(refused), strings.Join(refused, "\n"))
}

func noKernel(t *testing.T, err error) {
	t.Helper()
	testenv.SkipEmulated(t, "compares with the kernel, whose bpf system call emulators lack")
	if os.Getenv("CI") != "" {
		t.Fatalf("the kernel does not let us use BPF: %v", err)
	}
	t.Skipf("the kernel does not let us use BPF: %v", err)
}

// kernelProgram wraps a case for the kernel: a prologue that finds the value and
// loads the arguments, a call of the case as a subprogram, and an epilogue that
// stores R0. ok is false for what only rivet can run: faults, maps, helpers.
func kernelProgram(c *Case, mapFD int) (insns []bpf.Insn, ok bool) {
	u, err := bpfasm.Assemble(c.Asm)
	if err != nil || len(u.Programs) != 1 || len(u.Maps) != 0 || valueMem+len(c.Mem) > valueSize {
		return nil, false
	}
	for _, r := range c.Runs {
		if r.Want[0].Fault != "" {
			return nil, false
		}
	}
	body := u.Programs[0].Insns
	if slices.ContainsFunc(body, func(in bpf.Insn) bool { return in.Op == bpf.OpCall && in.Src != bpf.CallSubprog }) {
		return nil, false
	}
	text := fmt.Sprintf(`
		stw [%%r10-4], 0
		mov %%r2, %%r10
		add %%r2, -4
		lddw %%r1, %d
		call 1
		jne %%r0, 0, found
		mov %%r0, 0
		exit
	found:
		mov %%r6, %%r0
		mov %%r1, %%r6
		add %%r1, %d
		mov %%r2, %d
		mov %%r3, 0
		mov %%r4, 0
		mov %%r5, 0
	`, mapFD, valueMem, len(c.Mem))
	if c.Runs[0].Args != nil {
		for i := range 5 {
			text += fmt.Sprintf("ldxdw %%r%d, [%%r6+%d]\n", i+1, valueArgs+8*i)
		}
	}
	text += `
		call local body
		stxdw [%r6], %r0
		mov %r0, 1
		exit
	body:
		exit`
	w, err := bpfasm.Assemble(text)
	if err != nil {
		return nil, false
	}
	insns = w.Programs[0].Insns
	insns = append(insns[:len(insns)-1], body...)
	for i := range insns {
		if insns[i].IsLDDW() && i < 8 {
			insns[i].Src, insns[i+1].Imm = 1, 0 // BPF_PSEUDO_MAP_FD
		}
	}
	return insns, true
}

// progLoad is BPF_PROG_LOAD of bare instructions; cilium/ebpf cannot carry all of them.
func progLoad(insns []bpf.Insn) (fd int, log string, err error) {
	code, license, buf := bpfasm.Bytes(insns), []byte("GPL\x00"), make([]byte, 1<<16)
	var pin runtime.Pinner // the kernel gets addresses as numbers
	defer pin.Unpin()
	for _, b := range [][]byte{code, license, buf} {
		pin.Pin(&b[0])
	}
	attr := struct {
		progType, insnCnt    uint32
		insns, license       uint64
		logLevel, logSize    uint32
		logBuf               uint64
		kernVersion, progFlg uint32
	}{
		progType: uint32(ebpf.SocketFilter), insnCnt: uint32(len(insns)),
		insns: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
		logLevel: 1, logSize: uint32(len(buf)), logBuf: uint64(uintptr(unsafe.Pointer(&buf[0]))),
	}
	n, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, string(buf), errno
	}
	return int(n), "", nil
}

// testRun is BPF_PROG_TEST_RUN over a packet that no case looks at.
func testRun(fd int) (ret uint32, err error) {
	packet := make([]byte, 64)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&packet[0])
	attr := struct {
		progFD, retval, sizeIn, sizeOut uint32
		dataIn, dataOut                 uint64
		repeat, duration                uint32
		rest                            [32]byte
	}{progFD: uint32(fd), sizeIn: uint32(len(packet)), dataIn: uint64(uintptr(unsafe.Pointer(&packet[0])))}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr)); errno != 0 {
		return 0, errno
	}
	return attr.retval, nil
}

func kernelRun(c *Case, r Run, m *ebpf.Map, fd int) error {
	value := make([]byte, valueSize)
	for i, a := range r.Args {
		binary.LittleEndian.PutUint64(value[valueArgs+8*i:], a)
	}
	copy(value[valueMem:], c.Mem)
	if err := m.Put(uint32(0), value); err != nil {
		return err
	}
	ret, err := testRun(fd)
	if err != nil {
		return fmt.Errorf("test run: %w", err)
	}
	if ret != 1 {
		return errors.New("the case did not come back")
	}
	value, err = m.LookupBytes(uint32(0))
	if err != nil {
		return err
	}
	if got := binary.LittleEndian.Uint64(value); got != r.Want[0].R0 {
		return fmt.Errorf("the kernel's r0 is %#x, the case's %#x", got, r.Want[0].R0)
	}
	if got := value[valueMem:][:len(c.Mem)]; c.Memory != nil && string(got) != string(c.Memory) {
		return fmt.Errorf("the kernel's memory is % x, the case's % x", got, c.Memory)
	}
	return nil
}

// lastLine is where the verifier says why.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\x00\n"), "\n")
	for _, l := range slices.Backward(lines) {
		if !strings.HasPrefix(l, "processed ") && l != "" {
			return l
		}
	}
	return ""
}
