package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/testenv"
)

// runCommand runs the command and returns its exit status and output.
func runCommand(args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = execute(context.Background(), args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

func TestDiffWithKernel(t *testing.T) {
	testenv.NeedBPF(t)
	const cli, packet = "../../testdata/cli/cli.o", "0200 0000 0001 0200 0000 0002 0800"
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{cli, "--program", "entry", "--set", "jmp_table[0]=swap", "--data-hex", packet}, 0, "equal: return value, packet and 4 maps"},
		{[]string{cli, "--program", "classify", "--data-hex", packet[:30] + "0806", "--engine", "interp"}, 0, "classify (SchedCLS), interp, kernel (Linux "},
		{[]string{"../../examples/dispatch/dispatch.o", "--pcap", "../../examples/dispatch/traffic.pcap"}, 0, "equal: 88 packets and 8 maps"},
		// A clock is the kernel's own.
		{[]string{"../../testdata/kernel/helpers.o", "--program", "entry", "--data-hex", packet}, -1, "kernel"},
		{[]string{cli, "--program", "wild", "--data-hex", packet}, 2, "the kernel's verifier refuses program wild (permission denied):\n"},
		{[]string{cli, "--program", "wild", "--data-hex", packet}, 2, "    R1 32-bit pointer arithmetic prohibited\n"},
		{[]string{cli, "--program", "swap", "--data-hex", "00"}, 2, "kernel: packet 1: .*: the kernel runs XDP programs on such packets from 14 bytes on; this one has 1"},
		{[]string{cli, "--program", "classify", "--data-hex", packet}, 2, "SchedCLS programs on such packets from 34 bytes on; this one has 14"},
		{[]string{cli, "--program", "point", "--data-hex", "0100000000000000 0200000000000000"}, 2, "kernel"},
	} {
		status, out, errs := runCommand(append([]string{"diff", "--kernel"}, test.args...)...)
		parts := strings.Split(test.want, ".*")
		for _, part := range parts {
			if !strings.Contains(out+errs, part) {
				t.Errorf("%q: no %q in\n%s%s", test.args, part, out, errs)
			}
		}
		if test.status >= 0 && status != test.status {
			t.Errorf("%q: status %d, want %d\n%s%s", test.args, status, test.status, out, errs)
		}
	}
}
