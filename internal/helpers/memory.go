package helpers

import (
	"bytes"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Memory at addresses that may be bad: enum bpf_func_id 4, 36, 45, 112–115, 148 and 191, and kfuncs
// (kernel/trace/bpf_trace.c, mm/maccess.c). Guest memory is what kernel memory is in Linux: stacks,
// contexts, values of maps. Other memory is the host's to know.
var memoryHelpers = []*Helper{
	{ID: 4, Name: "probe_read", Fn: probe(readAny), Args: probeArgs},
	{ID: 112, Name: "probe_read_user", Fn: probe(readUser), Args: probeArgs},
	{ID: 113, Name: "probe_read_kernel", Fn: probe(readKernel), Args: probeArgs},
	{ID: 45, Name: "probe_read_str", Fn: probeString(readAny), Args: probeArgs},
	{ID: 114, Name: "probe_read_user_str", Fn: probeString(readUser), Args: probeArgs},
	{ID: 115, Name: "probe_read_kernel_str", Fn: probeString(readKernel), Args: probeArgs},
	{ID: 36, Name: "probe_write_user", Fn: probeWriteUser,
		Args: []Arg{{Name: "dst", Kind: Scalar}, {Name: "src", Kind: Mem}, {Name: "len", Kind: Size}}},
	{ID: 148, Name: "copy_from_user", Fn: probe(readUser), Args: probeArgs},
	{ID: 191, Name: "copy_from_user_task", Fn: copyFromUserTask,
		Args: append(probeArgs[:3:3], Arg{Name: "tsk", Kind: Scalar}, Arg{Name: "flags", Kind: Scalar})},
	{Name: "bpf_copy_from_user_str", Fn: copyFromUserStr, Args: append(probeArgs[:3:3], Arg{Name: "flags", Kind: Scalar})},
	{Name: "bpf_copy_from_user_task_str", Fn: copyFromUserTaskStr,
		Args: append(probeArgs[:3:3], Arg{Name: "tsk", Kind: Scalar}, Arg{Name: "flags", Kind: Scalar})},
	{Name: "bpf_rdonly_cast", Args: []Arg{{Name: "obj", Kind: Scalar}, {Name: "btf_id", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) { return c.Args[0], nil }},
}

var probeArgs = []Arg{{Name: "dst", Kind: MemW}, {Name: "size", Kind: SizeOrZero}, {Name: "unsafe_ptr", Kind: Scalar}}

// reader reads memory and returns how many bytes from addr on there are, and what is wrong with the next.
type reader func(c *Call, addr uint64, dst []byte) (int, maps.Errno)

// userEnd is where addresses of the kernel begin, with the page before them that none may
// use (TASK_SIZE_MAX + PAGE_SIZE on x86-64).
const userEnd = 1 << 47

// readKernel takes guest memory first. Linux tells addresses that cannot be the kernel's from
// those where it finds nothing (copy_from_kernel_nofault_allowed).
func readKernel(c *Call, addr uint64, dst []byte) (int, maps.Errno) {
	a := c.Run.World.Arena
	if off := addr - a.Base(); off < a.Size() {
		b, _ := a.Bytes(addr, min(uint64(len(dst)), a.Size()-off))
		return copy(dst, b), maps.EFAULT
	}
	n := c.Run.World.Host.ReadKernel(addr, dst)
	if at := addr + uint64(n); at < userEnd || at < 0xffff_8000_0000_0000 {
		return n, maps.ERANGE
	}
	return n, maps.EFAULT
}

func readUser(c *Call, addr uint64, dst []byte) (int, maps.Errno) {
	return c.Run.World.Host.ReadUser(c.Run.task(), addr, dst), maps.EFAULT
}

// readAny is for helpers older than the distinction (bpf_probe_read_compat).
func readAny(c *Call, addr uint64, dst []byte) (int, maps.Errno) {
	if n, err := readKernel(c, addr, dst); n > 0 || addr >= userEnd {
		return n, err
	}
	return readUser(c, addr, dst)
}

// probe makes a helper that reads all bytes or none: what it cannot read leaves zeros.
func probe(read reader) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		dst := c.Mem[0]
		if len(dst) == 0 {
			return 0, nil
		}
		if n, err := read(c, c.Args[2], dst); n < len(dst) {
			clear(dst)
			return maps.Guest(err), nil
		}
		return 0, nil
	}
}

// probeString makes a helper that reads a string up to its NUL and returns its length with the NUL.
// What does not fit is cut, and still ends in NUL.
func probeString(read reader) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		n, err := readString(c, read, c.Mem[0], c.Args[2])
		if err != 0 {
			clear(c.Mem[0])
			return maps.Guest(err), nil
		}
		return uint64(n), nil
	}
}

// readString reads in steps, so that it does not touch what lies far behind the NUL.
func readString(c *Call, read reader, dst []byte, addr uint64) (int, maps.Errno) {
	step := &c.step
	for done := 0; done < len(dst); {
		want := step[:min(len(step), len(dst)-done)]
		n, err := read(c, addr+uint64(done), want)
		if i := bytes.IndexByte(want[:n], 0); i >= 0 {
			copy(dst[done:], want[:i+1])
			return done + i + 1, 0
		}
		done += copy(dst[done:], want[:n])
		if n < len(want) {
			return 0, err
		}
	}
	if len(dst) > 0 {
		dst[len(dst)-1] = 0
	}
	return len(dst), 0
}

func probeWriteUser(c *Call) (uint64, error) {
	src := c.Mem[1]
	if c.Run.World.Host.WriteUser(c.Run.task(), c.Args[0], src) < len(src) {
		return maps.Guest(maps.EFAULT), nil
	}
	return 0, nil
}

// ofTask reads memory of the task whose struct is the helper's fourth argument.
func ofTask(t *host.Task) reader {
	return func(c *Call, addr uint64, dst []byte) (int, maps.Errno) {
		return c.Run.World.Host.ReadUser(t, addr, dst), maps.EFAULT
	}
}

// copyFromUserTask is bpf_copy_from_user_task, checks in its order.
func copyFromUserTask(c *Call) (uint64, error) {
	if c.Args[4] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	t, err := c.taskAt(3)
	if err != nil {
		return 0, err
	}
	return probe(ofTask(t))(c)
}

// padZeros is BPF_F_PAD_ZEROS: what is left behind the string is zeroed.
const padZeros = 1

func copyFromUserStr(c *Call) (uint64, error) { return c.copyString(readUser, c.Args[3]) }

func copyFromUserTaskStr(c *Call) (uint64, error) {
	t, err := c.taskAt(3)
	if err != nil {
		return 0, err
	}
	return c.copyString(ofTask(t), c.Args[4])
}

// copyString is bpf_copy_from_user_str. After a fault, only flags ask for zeros.
func (c *Call) copyString(read reader, flags uint64) (uint64, error) {
	dst := c.Mem[0]
	if flags&^padZeros != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	if len(dst) == 0 {
		return 0, nil
	}
	n, err := readString(c, read, dst, c.Args[2])
	if err != 0 {
		if flags&padZeros != 0 {
			clear(dst)
		}
		return maps.Guest(err), nil
	}
	if flags&padZeros != 0 {
		clear(dst[n:])
	}
	return uint64(n), nil
}
