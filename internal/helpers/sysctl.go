package helpers

import (
	"encoding/binary"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Sysctls: enum bpf_func_id 101–104 (kernel/bpf/cgroup.c). The caller of a run says which is accessed and what it holds.
var sysctlHelpers = []*Helper{
	{ID: 101, Name: "sysctl_get_name", Fn: sysctlGetName,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "buf", Kind: MemW}, {Name: "buf_len", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 102, Name: "sysctl_get_current_value", Args: sysctlArgs(MemW), Fn: func(c *Call) (uint64, error) {
		return sysctlValue(c.Mem[1], c.Run.Sysctl.current()), nil
	}},
	{ID: 103, Name: "sysctl_get_new_value", Fn: sysctlGetNewValue, Args: sysctlArgs(MemW)},
	{ID: 104, Name: "sysctl_set_new_value", Fn: sysctlSetNewValue, Args: sysctlArgs(Mem)},
}

func sysctlArgs(buf Kind) []Arg {
	return []Arg{{Name: "ctx", Kind: Ctx}, {Name: "buf", Kind: buf}, {Name: "buf_len", Kind: Size}}
}

// Sysctl is what a CGroupSysctl program decides about.
type Sysctl struct {
	// Name is its path below /proc/sys, such as net/ipv4/tcp_mem.
	Name string
	// Current is what it holds, New what somebody writes to it, where the context says that it is written.
	Current, New []byte
}

func (s *Sysctl) current() []byte {
	if s == nil {
		return nil
	}
	return s.Current
}

// sysctlBaseName is BPF_F_SYSCTL_BASE_NAME.
const sysctlBaseName = 1

// sysctlGetName is bpf_sysctl_get_name: a name that does not fit is cut.
func sysctlGetName(c *Call) (uint64, error) {
	if c.Run.Sysctl == nil {
		return maps.Guest(maps.EINVAL), nil
	}
	name := c.Run.Sysctl.Name
	if c.Args[3]&sysctlBaseName != 0 {
		for i := len(name) - 1; i >= 0; i-- {
			if name[i] == '/' {
				name = name[i+1:]
				break
			}
		}
	}
	dst := c.Mem[1]
	n := copy(dst[:len(dst)-1], name)
	dst[n] = 0
	if n < len(name) {
		return maps.Guest(maps.E2BIG), nil
	}
	return uint64(n), nil
}

// sysctlValue is copy_sysctl_value.
func sysctlValue(dst, src []byte) uint64 {
	if len(src) == 0 {
		clear(dst)
		return maps.Guest(maps.EINVAL)
	}
	n := copy(dst, src)
	if n < len(dst) {
		clear(dst[n:])
		return uint64(n)
	}
	dst[n-1] = 0
	return maps.Guest(maps.E2BIG)
}

// sysctlWritten reports whether the access is a write: member write of struct bpf_sysctl.
func (c *Call) sysctlWritten() bool {
	return c.Run.Sysctl != nil && len(c.Run.Ctx) >= 4 && binary.LittleEndian.Uint32(c.Run.Ctx) != 0
}

func sysctlGetNewValue(c *Call) (uint64, error) {
	if !c.sysctlWritten() {
		clear(c.Mem[1])
		return maps.Guest(maps.EINVAL), nil
	}
	return sysctlValue(c.Mem[1], c.Run.sysctlNew()), nil
}

// sysctlNew is what the program set, or else what is written.
func (r *Run) sysctlNew() []byte {
	if r.Effects.Sysctl != nil {
		return r.Effects.Sysctl
	}
	return r.Sysctl.New
}

// sysctlSetNewValue is bpf_sysctl_set_new_value, checks in its order.
func sysctlSetNewValue(c *Call) (uint64, error) {
	const pageSize = 4096
	switch {
	case !c.sysctlWritten() || len(c.Run.sysctlNew()) == 0:
		return maps.Guest(maps.EINVAL), nil
	case len(c.Mem[1]) > pageSize-1:
		return maps.Guest(maps.E2BIG), nil
	}
	c.Run.Effects.Sysctl = append([]byte(nil), c.Mem[1]...)
	return 0, nil
}
