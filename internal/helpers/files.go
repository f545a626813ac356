package helpers

import "github.com/rivetbpf/rivet/internal/maps"

// Files and programs that are started: enum bpf_func_id 147 and 159, and a kfunc (kernel/trace/bpf_trace.c,
// kernel/bpf/bpf_lsm.c, fs/bpf_fs_kfuncs.c). What a struct path stands for is the host's to know.
var fileHelpers = []*Helper{
	{ID: 147, Name: "d_path", Fn: dPath, Args: []Arg{{Name: "path", Kind: Scalar}, {Name: "buf", Kind: MemW}, {Name: "sz", Kind: SizeOrZero}}},
	{ID: 159, Name: "bprm_opts_set", Fn: bprmOptsSet, Args: []Arg{{Name: "bprm", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{Name: "bpf_path_d_path", Fn: pathDPath, Args: []Arg{{Name: "path", Kind: Scalar}, {Name: "buf", Kind: MemW}, {Name: "buf__sz", Kind: SizeOrZero}}},
}

// dPath returns the length of the path with its NUL.
func dPath(c *Call) (uint64, error) {
	if len(c.Mem[1]) == 0 {
		return 0, nil
	}
	return c.path()
}

func pathDPath(c *Call) (uint64, error) {
	if len(c.Mem[1]) == 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return c.path()
}

func (c *Call) path() (uint64, error) {
	path, ok := c.Run.World.Host.Path(c.Args[0])
	switch buf := c.Mem[1]; {
	case !ok:
		return maps.Guest(maps.EFAULT), nil
	case len(path)+1 > len(buf):
		return maps.Guest(maps.ENAMETOOLONG), nil
	default:
		buf[copy(buf, path)] = 0
		return uint64(len(path)) + 1, nil
	}
}

// bprmOptsSet is bpf_bprm_opts_set: whether the program that is started is to be started securely (AT_SECURE).
func bprmOptsSet(c *Call) (uint64, error) {
	const secureExec = 1 // BPF_F_BPRM_SECUREEXEC
	if c.Args[1]&^secureExec != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	e := &c.Run.Effects
	e.ExecSet, e.SecureExec = true, c.Args[1] != 0
	return 0, nil
}
