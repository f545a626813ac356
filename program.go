package rivet

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/trace"
)

// Program is a program of a collection. It is safe for concurrent use.
type Program struct {
	// VerifierLog is always empty, as there is no verifier.
	VerifierLog string

	core   *core
	index  int // into Module.Programs
	def    *bpf.Program
	layout *progctx.Layout
	// ctxSize is how long the context is of a run that is given none.
	ctxSize int
	typ     ebpf.ProgramType
	closed  atomic.Bool
}

// RunOptions control [Program.Run]. Fields that cilium/ebpf has too mean the same.
type RunOptions struct {
	// Data is the packet: for XDP and for programs that are given a struct
	// __sk_buff, from the Ethernet header on (of those, tc's alone see that header). It may be empty. It lies at an
	// address that is 2 modulo 4, behind 256 bytes of headroom, as a network
	// driver would leave it.
	Data []byte
	// DataOut, if not nil, gets the packet as the program leaves it and is cut to
	// its length. The caller allocates; too short a slice is an error.
	DataOut []byte
	// Context is the program's context: a struct xdp_md or __sk_buff without
	// its pointers (as BPF_PROG_TEST_RUN takes them), or for other program types
	// the bytes that R1 points to, at most 4096. []byte, or anything that
	// encoding/binary writes.
	Context any
	// ContextOut, if not nil, gets the context as the program leaves it. A
	// pointer or a slice. Addresses in it are replaced by offsets into the packet.
	ContextOut any
	// Repeat runs the program so many times on the same memory. 0 means 1.
	Repeat uint32
	// Flags are 0 or [TestSumComplete].
	Flags uint32
	// CPU is what bpf_get_smp_processor_id gives.
	CPU uint32
	// Tunnel is the metadata that a tunnel device left with the packet; nil: none. The program reads it with
	// bpf_skb_get_tunnel_key and bpf_skb_get_tunnel_opt.
	Tunnel *Tunnel
	// Socket is the socket that the packet or the context belongs to; nil: none.
	Socket *Socket
	// RxMetadata is what the driver knows of a packet for XDP; nil: nothing (bpf_xdp_metadata_rx_hash and its kin give
	// EOPNOTSUPP).
	RxMetadata *RxMetadata

	// FuncIP and AttachCookie are what bpf_get_func_ip and bpf_get_attach_cookie give.
	FuncIP, AttachCookie uint64
	// Sysctl is the one that a CGroupSysctl program decides about. Whether it is written is a member of the Context.
	Sysctl *Sysctl
	// Retval is what bpf_get_retval gives: what programs attached before this one decided.
	Retval int32

	// BatchSize is ignored: the kernel's batches of live frames are not there.
	BatchSize uint32
	// Reset is not called, as no run is interrupted and begun again.
	Reset func()

	// Fuel bounds the run as [CollectionOptions.Fuel] does. 0: the collection's bound.
	Fuel int64
	// Trace, if set, is called for each step of the flow: entry, call, tail call,
	// return, helper, exit. The event is the callee's to keep. Runs that are
	// traced are slow.
	Trace func(TraceEvent)
}

// TraceEvent is one step of a run, with names in place of numbers.
type TraceEvent = trace.Event

// RunResult is all that is known about a run.
type RunResult struct {
	R0 uint64 // the whole register; Linux gives callers the lower half
	// Retired is how many instructions the last repetition executed: RV64
	// instructions on the hart, BPF instructions in the interpreter. Native code counts none: 0.
	Retired uint64
	// Duration is the time of one repetition, on average.
	Duration time.Duration
	// Data is the packet as the program leaves it, metadata at its front.
	Data []byte

	// What the last repetition did to the network around:

	// Redirect is where the packet goes, if the program's verdict says that it is redirected; nil otherwise.
	Redirect *Redirect
	// Clones are copies of the packet that the program sent off, in order.
	Clones []Clone
	// Tunnel is what the program set for the tunnel that the packet leaves by (bpf_skb_set_tunnel_key); nil: nothing.
	Tunnel *Tunnel
	// Assigned is the socket that the program gave the packet or connection (bpf_sk_assign); nil: none.
	Assigned *Socket
	// ApplyBytes and CorkBytes are what bpf_msg_apply_bytes and bpf_msg_cork_bytes were called with.
	ApplyBytes, CorkBytes uint32
	// Acks are the sequence numbers that it had acknowledged (bpf_tcp_send_ack), at most 1,024.
	Acks []uint32
	// Bound is the address that the program bound its socket to (bpf_bind); invalid: it did not.
	Bound netip.AddrPort

	// What else the last repetition did:

	// Signals are those that it sent with bpf_send_signal; none is delivered. At most 1024 are kept.
	Signals []Signal
	// Override is what the probed function is to return (bpf_override_return); nil: what it returns by itself.
	Override *uint64
	// Output is what it wrote with bpf_seq_printf, bpf_seq_printf_btf and bpf_seq_write.
	Output []byte
	// SysctlValue is what the program set with bpf_sysctl_set_new_value; nil: nothing.
	SysctlValue []byte
	// SecureExec is whether what is executed is to run securely (bpf_bprm_opts_set); nil: the program did not say.
	SecureExec *bool
	// Remote is what it decoded of a remote control's signals (bpf_rc_keydown and its kin), at most 1024 events.
	Remote []RemoteEvent
	// Retval is RunOptions.Retval, or what the program set with bpf_set_retval.
	Retval int32
}

// effects fills in what a run left that is no business of the network's.
func (r *RunResult) effects(run *helpers.Run) {
	if r == nil {
		return
	}
	e := &run.Effects
	r.Signals = append([]Signal(nil), e.Signals...)
	if e.Overridden {
		rc := e.Override
		r.Override = &rc
	}
	if e.ExecSet {
		secure := e.SecureExec
		r.SecureExec = &secure
	}
	r.Remote = append([]RemoteEvent(nil), e.Remote...)
	r.Output = append([]byte(nil), e.Seq...)
	r.Retval = run.Retval
	r.SysctlValue = e.Sysctl
}

// Sysctl is a file of /proc/sys that somebody accesses.
type Sysctl = helpers.Sysctl

// RemoteEvent is something that a program decoded, as [RunResult] has it.
type RemoteEvent = helpers.RemoteEvent

// The kinds of a [RemoteEvent].
const (
	RemoteKey    = helpers.RemoteKey    // a key was pressed
	RemoteRepeat = helpers.RemoteRepeat // it was kept pressed
	RemoteMove   = helpers.RemoteMove   // the pointer was moved
)

// Signal is one that a program sent, as [RunResult] has it.
type Signal = helpers.Signal

// Name returns the program's function name.
func (p *Program) Name() string { return p.def.Name }

// Type returns the program's type. Raw bytecode has none: [UnspecifiedProgram].
func (p *Program) Type() ebpf.ProgramType { return p.typ }

// Section returns the ELF section that the program comes from.
func (p *Program) Section() string { return p.def.Section }

// String describes the program.
func (p *Program) String() string { return fmt.Sprintf("%s(%s)", p.def.Type, p.def.Name) }

// Close refuses further runs; those in flight end by themselves. What is in a
// program array can still be reached by tail calls. With the last
// program of a collection, what its engine holds is freed. The error is always nil.
func (p *Program) Close() error {
	if p != nil && !p.closed.Swap(true) {
		p.core.letGo()
	}
	return nil
}

// letGo is called for each program that is closed. With the last one no run can begin any more.
func (c *core) letGo() {
	if c.open.Add(-1) == 0 {
		c.pool.shut()
	}
}

// Clone returns another Program for the same program: closing one leaves the
// other as it is. The clone of a nil Program is nil.
func (p *Program) Clone() (*Program, error) {
	if p == nil {
		return nil, nil
	}
	p.core.open.Add(1) // before looking, so that the last Close does not come between
	if p.closed.Load() {
		p.core.letGo()
		return nil, p.wrap(errClosed)
	}
	return &Program{core: p.core, index: p.index, def: p.def, layout: p.layout, ctxSize: p.ctxSize, typ: p.typ}, nil
}

// IsPinned returns false: there is no file system that a program could be pinned to.
func (p *Program) IsPinned() bool { return false }

// RunContext is [Program.Run], ended early when ctx ends: within milliseconds,
// wherever the program is, but for helpers written by users, which see the
// context ([HelperCall.Context]) and must return by themselves. The error wraps
// ctx.Err() and the cause, if there is one, and holds a [*Fault] of kind
// [FaultStopped] that says where the program was. A program that ends by itself at
// the same time has run.
//
// Where ctx has ended before the program begins, also while it waits for others
// to end (see [CollectionOptions.MaxRuns]), nothing runs, and the error wraps
// ctx.Err() without a Fault.
func (p *Program) RunContext(ctx context.Context, opts *RunOptions) (uint32, error) {
	r0, err := p.run(ctx, opts, nil)
	return uint32(r0), err
}

// Test runs the program on a packet and returns the lower half of R0 and the
// packet as the program leaves it.
func (p *Program) Test(in []byte) (uint32, []byte, error) {
	res, err := p.RunDetailed(&RunOptions{Data: in})
	if err != nil {
		return uint32(res.R0), nil, err
	}
	return uint32(res.R0), res.Data, nil
}

// Benchmark runs the program repeat times on a packet and returns the lower half
// of the last R0 and the time of one run. reset is not called: runs are not
// interrupted.
func (p *Program) Benchmark(in []byte, repeat int, reset func()) (uint32, time.Duration, error) {
	if repeat < 0 || int64(repeat) > 1<<32-1 {
		return 0, 0, fmt.Errorf("program %s: repeat is %d, must fit 32 bits", p.def.Name, repeat)
	}
	var res RunResult
	r0, err := p.run(nil, &RunOptions{Data: in, Repeat: uint32(repeat)}, &res)
	return uint32(r0), res.Duration, err
}

// RunDetailed runs the program and returns all that is known about the run.
// After a fault the result holds the packet as it is then.
func (p *Program) RunDetailed(opts *RunOptions) (RunResult, error) {
	var res RunResult
	_, err := p.run(nil, opts, &res)
	return res, err
}

// RunDetailedContext is [Program.RunDetailed], ended early when ctx ends, as
// [Program.RunContext] is.
func (p *Program) RunDetailedContext(ctx context.Context, opts *RunOptions) (RunResult, error) {
	var res RunResult
	_, err := p.run(ctx, opts, &res)
	return res, err
}
