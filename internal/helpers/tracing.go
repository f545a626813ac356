package helpers

import (
	"encoding/binary"
	"strings"

	"github.com/rivetbpf/rivet/internal/maps"
)

// What tracing programs ask of their probe: enum bpf_func_id 58, 161, 173, 174, 176, 183–187 and 193
// (kernel/trace/bpf_trace.c, kernel/bpf/cgroup.c). The caller of a run says what the probe was.
var tracingHelpers = []*Helper{
	{ID: 58, Name: "override_return", Args: []Arg{{Name: "regs", Kind: Ctx}, {Name: "rc", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) {
		c.Run.Effects.Override, c.Run.Effects.Overridden = c.Args[1], true
		return 0, nil
	}},
	{ID: 161, Name: "ima_inode_hash", Fn: noIMA, Args: []Arg{{Name: "inode", Kind: Scalar}, {Name: "dst", Kind: MemW}, {Name: "size", Kind: Size}}},
	{ID: 193, Name: "ima_file_hash", Fn: noIMA, Args: []Arg{{Name: "file", Kind: Scalar}, {Name: "dst", Kind: MemW}, {Name: "size", Kind: Size}}},
	{ID: 173, Name: "get_func_ip", Args: []Arg{{Name: "ctx", Kind: Ctx}}, Fn: func(c *Call) (uint64, error) { return c.Run.Probe.FuncIP, nil }},
	{ID: 174, Name: "get_attach_cookie", Args: []Arg{{Name: "ctx", Kind: Ctx}}, Fn: func(c *Call) (uint64, error) { return c.Run.Probe.Cookie, nil }},
	{ID: 176, Name: "get_branch_snapshot", Fn: getBranchSnapshot,
		Args: []Arg{{Name: "entries", Kind: MemW}, {Name: "size", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 183, Name: "get_func_arg", Fn: getFuncArg, Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "n", Kind: Scalar}, {Name: "value", Kind: MemW, Size: 8}}},
	{ID: 184, Name: "get_func_ret", Fn: getFuncRet, Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "value", Kind: MemW, Size: 8}}},
	{ID: 185, Name: "get_func_arg_cnt", Args: []Arg{{Name: "ctx", Kind: Ctx}}, Fn: func(c *Call) (uint64, error) { return uint64(c.funcArgs()), nil }},
	{ID: 186, Name: "get_retval", Fn: func(c *Call) (uint64, error) { return uint64(int64(c.Run.Retval)), nil }},
	{ID: 187, Name: "set_retval", Args: []Arg{{Name: "retval", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) {
		c.Run.Retval = int32(c.Args[0])
		return 0, nil
	}},
}

// noIMA is what Linux without CONFIG_IMA gives.
func noIMA(*Call) (uint64, error) { return maps.Guest(maps.EOPNOTSUPP), nil }

// Probe is what the caller of a run says of the place where the program is attached.
type Probe struct {
	FuncIP uint64 // address of the function that it traces
	Cookie uint64
}

// Effects are what a program did to the world around, for the caller of its run to read.
type Effects struct {
	Signals    []Signal
	Override   uint64 // what the probed function is to return
	Overridden bool
	Seq        []byte // what it printed with seq_printf and the like
	Sysctl     []byte // what is to be written to the sysctl; nil: what was to be anyway
	SecureExec bool   // how the program is to be started, if ExecSet
	ExecSet    bool
	Remote     []RemoteEvent
}

// maxEffects bounds what a run can make its caller keep.
const maxEffects = 1024

// any reports whether there are some.
func (e *Effects) any() bool {
	return len(e.Signals)|len(e.Seq)|len(e.Remote) != 0 || e.Overridden || e.ExecSet || e.Sysctl != nil
}

// reset forgets them and keeps the memory.
func (e *Effects) reset() { *e = Effects{Signals: e.Signals[:0], Seq: e.Seq[:0], Remote: e.Remote[:0]} }

// getBranchSnapshot is bpf_get_branch_snapshot on a processor that records no branches.
func getBranchSnapshot(c *Call) (uint64, error) {
	if c.Args[2] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return maps.Guest(maps.ENOENT), nil
}

// returns reports whether the program also sees what the traced function returned, which is
// behind its arguments in the context.
func (c *Call) returns() bool {
	for _, section := range []string{"fexit", "fmod_ret", "lsm_cgroup"} {
		if strings.HasPrefix(c.Run.Section, section) {
			return true
		}
	}
	return false
}

// funcArgs is how many arguments the traced function has: as many as the context has room for.
func (c *Call) funcArgs() int {
	n := len(c.Run.Ctx) / 8
	if c.returns() && n > 0 {
		n--
	}
	return n
}

// getFuncArg is get_func_arg.
func getFuncArg(c *Call) (uint64, error) {
	n := uint64(uint32(c.Args[1]))
	if n >= uint64(c.funcArgs()) {
		return maps.Guest(maps.EINVAL), nil
	}
	copy(c.Mem[2], c.Run.Ctx[8*n:8*n+8])
	return 0, nil
}

// getFuncRet is get_func_ret, which the verifier makes -EOPNOTSUPP where nothing was returned yet.
func getFuncRet(c *Call) (uint64, error) {
	if !c.returns() {
		return maps.Guest(maps.EOPNOTSUPP), nil
	}
	var ret uint64
	if at := 8 * c.funcArgs(); at+8 <= len(c.Run.Ctx) {
		ret = binary.LittleEndian.Uint64(c.Run.Ctx[at:])
	}
	binary.LittleEndian.PutUint64(c.Mem[1], ret)
	return 0, nil
}
