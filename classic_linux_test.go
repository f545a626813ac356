package rivet_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// filterInKernel returns how many bytes of a packet pass a filter that Linux attaches to a socket.
func filterInKernel(t *testing.T, filter []bpf.Instruction, packets [][]byte) []int {
	t.Helper()
	raw, err := bpf.Assemble(filter)
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	prog := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))}
	if err := unix.SetsockoptSockFprog(fds[1], unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		t.Fatalf("%v: %v", filter, err)
	}
	var passed []int
	for _, p := range packets {
		if _, err := unix.Write(fds[0], p); err != nil && !errors.Is(err, unix.EPERM) {
			t.Fatal(err)
		}
		n, err := unix.Read(fds[1], make([]byte, 256))
		if err != nil {
			n = 0
		}
		passed = append(passed, n)
	}
	return passed
}

// Random filters are what Linux makes of them.
func TestClassicAsInKernel(t *testing.T) {
	testenv.SkipEmulated(t, "compares with the kernel's filters of sockets")
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		r := rand.New(rand.NewPCG(5, 6))
		for range 150 {
			filter := randomFilter(r, true)
			filter = append(filter[:len(filter)-1], bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 63}, bpf.RetA{})
			if r.IntN(2) == 0 { // shifts by a register, which x/net's machine does not bound, and extensions
				extra := []bpf.Instruction{bpf.ALUOpX{Op: bpf.ALUOpShiftLeft}, bpf.ALUOpX{Op: bpf.ALUOpShiftRight}, bpf.RawInstruction{Op: 0x20, K: 0xfffff028},
					bpf.RawInstruction{Op: 0x20, K: 0xfffff02c}, bpf.RawInstruction{Op: 0x20, K: 0xfffff030}, bpf.RawInstruction{Op: 0x20, K: 0xfffff00c}, bpf.RawInstruction{Op: 0x20, K: 0xfffff010},
					bpf.RawInstruction{Op: 0x20, K: 0xfffff014}}[r.IntN(8)]
				filter = append([]bpf.Instruction{}, filter...)
				filter[len(filter)-5] = extra
			}
			p, err := rivet.NewClassicProgram("filter", filter, opts)
			if err != nil {
				t.Fatalf("%v: %v", filter, err)
			}
			var packets [][]byte
			for range 8 {
				packet := make([]byte, 14+r.IntN(40))
				for i := range packet {
					packet[i] = byte(r.Uint32())
				}
				packets = append(packets, packet)
			}
			for i, want := range filterInKernel(t, filter, packets) {
				got, err := p.Run(&rivet.RunOptions{Data: packets[i]})
				if n := min(int(got), len(packets[i])); n != want || err != nil {
					t.Fatalf("%v on % x: %d bytes pass, %v; in the kernel %d", filter, packets[i], n, err, want)
				}
			}
			p.Close()
		}
	})
}
