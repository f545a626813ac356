package rivettest

import (
	"errors"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/trace"
	"github.com/rivetbpf/rivet/internal/verdict"
)

// Result is what a run gave.
type Result struct {
	rivet.RunResult
	// Verdict is the name of what the program returned, as the kernel's headers have it, such
	// as "XDP_DROP" or "TC_ACT_OK"; a number where they have no name for it.
	Verdict string

	program *rivet.Program
	packet  []byte // before the run
}

// Run runs a program on a packet. A fault ends the test.
func Run(t testing.TB, p *rivet.Program, packet []byte) *Result {
	t.Helper()
	return RunWith(t, p, &rivet.RunOptions{Data: packet})
}

// RunWith is [Run] with options.
func RunWith(t testing.TB, p *rivet.Program, opts *rivet.RunOptions) *Result {
	t.Helper()
	if p == nil {
		t.Fatal("the program is nil: does the collection have it?")
	}
	res, err := p.RunDetailedContext(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	r := &Result{RunResult: res, Verdict: verdict.Name(p.Type().String(), res.R0), program: p}
	if opts != nil {
		r.packet = opts.Data
	}
	return r
}

// RunTraced is [RunWith] with the way that the run takes in the test's log, as the command rivet trace prints it: calls,
// tail calls, helpers, and what each gave. Native code cannot be traced.
func RunTraced(t testing.TB, p *rivet.Program, opts *rivet.RunOptions) *Result {
	t.Helper()
	o := rivet.RunOptions{}
	if opts != nil {
		o = *opts
	}
	run := trace.Run{}
	o.Trace = func(e rivet.TraceEvent) { run.Events = append(run.Events, e) }
	defer func() { // also where a fault ends the test
		t.Helper()
		var text strings.Builder
		if err := trace.WriteText(&text, &run, trace.TextOptions{}); err != nil {
			t.Error(err)
		}
		t.Log("\n" + strings.TrimRight(text.String(), "\n"))
	}()
	return RunWith(t, p, &o)
}

// RunFault runs a program that must end with a fault, and returns that.
func RunFault(t testing.TB, p *rivet.Program, opts *rivet.RunOptions) *rivet.Fault {
	t.Helper()
	r0, err := p.RunContext(t.Context(), opts)
	var f *rivet.Fault
	if !errors.As(err, &f) {
		t.Fatalf("program %s must end with a fault; it returned %d, and its error is %v", p.Name(), r0, err)
	}
	return f
}

// ExpectVerdict compares the verdict with the one that is wanted, by name.
func (r *Result) ExpectVerdict(t testing.TB, want string) *Result {
	t.Helper()
	if r.Verdict != want {
		t.Errorf("program %s: verdict %s, want %s, for %s", r.program.Name(), r.Verdict, want, describe(r.packet))
	}
	return r
}

// ExpectPacket compares the packet that the program left with the one that is wanted.
func (r *Result) ExpectPacket(t testing.TB, want []byte) *Result {
	t.Helper()
	if diff := DiffPackets(want, r.Data); diff != "" {
		t.Errorf("program %s: the packet differs (-want +got):\n%s", r.program.Name(), diff)
	}
	return r
}

// ExpectSamePacket expects that the program left the packet as it was.
func (r *Result) ExpectSamePacket(t testing.TB) *Result {
	t.Helper()
	return r.ExpectPacket(t, r.packet)
}
