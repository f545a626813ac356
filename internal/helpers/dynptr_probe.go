package helpers

import "github.com/rivetbpf/rivet/internal/maps"

// Memory that may be bad, read into dynptrs: kfuncs of kernel/trace/bpf_trace.c.
var dynptrProbeHelpers = []*Helper{
	{Name: "bpf_probe_read_user_dynptr", Args: dynptrProbeArgs, Fn: func(c *Call) (uint64, error) { return c.probeDynptr(readUser, false) }},
	{Name: "bpf_probe_read_kernel_dynptr", Args: dynptrProbeArgs, Fn: func(c *Call) (uint64, error) { return c.probeDynptr(readKernel, false) }},
	{Name: "bpf_copy_from_user_dynptr", Args: dynptrProbeArgs, Fn: func(c *Call) (uint64, error) { return c.probeDynptr(readUser, true) }},
	{Name: "bpf_copy_from_user_task_dynptr", Args: dynptrTaskArgs, Fn: copyFromUserTaskDynptr},
	{Name: "bpf_probe_read_user_str_dynptr", Args: dynptrProbeArgs, Fn: func(c *Call) (uint64, error) { return c.probeDynptrString(readUser) }},
	{Name: "bpf_probe_read_kernel_str_dynptr", Args: dynptrProbeArgs, Fn: func(c *Call) (uint64, error) { return c.probeDynptrString(readKernel) }},
	{Name: "bpf_copy_from_user_str_dynptr", Args: dynptrProbeArgs, Fn: func(c *Call) (uint64, error) { return c.probeDynptrString(readUser) }},
	{Name: "bpf_copy_from_user_task_str_dynptr", Args: dynptrTaskArgs, Fn: copyFromUserTaskStrDynptr},
}

var (
	dynptrProbeArgs = []Arg{dynptrArg("dptr"), {Name: "off", Kind: Scalar}, {Name: "size", Kind: Scalar}, {Name: "unsafe_ptr", Kind: Scalar}}
	dynptrTaskArgs  = append(dynptrProbeArgs[:4:4], Arg{Name: "tsk", Kind: Scalar})
)

// dynptrRoom is the part of the dynptr that is to be filled, or the error number of one that is not there.
func (c *Call) dynptrRoom() (b []byte, err error) {
	d, off, n := c.dynptr(0), uint32(c.Args[1]), uint32(c.Args[2])
	b, _, err = c.slice(d, off, n, true)
	switch {
	case err != nil || b != nil:
		return b, err
	case d.outside(off, n):
		return nil, maps.E2BIG
	case n == 0:
		return nil, nil
	case d.data == 0 || d.rdonly():
		return nil, maps.EINVAL
	}
	return nil, c.gone(d, off, n)
}

// probeDynptr is __bpf_dynptr_copy. Those that may sleep (copy_from_user) return how many bytes they could not
// read, and clear them.
func (c *Call) probeDynptr(read reader, sleeps bool) (uint64, error) {
	b, err := c.dynptrRoom()
	if err != nil {
		return number(err)
	}
	n, bad := read(c, c.Args[3], b)
	switch {
	case n == len(b) && (n != 0 || bad != maps.ERANGE): // an address that cannot be the kernel's is refused for no bytes, too
		return 0, nil
	case sleeps:
		clear(b[n:])
		return uint64(len(b) - n), nil
	}
	return maps.Guest(bad), nil
}

func copyFromUserTaskDynptr(c *Call) (uint64, error) {
	t, err := c.taskAt(4)
	if err != nil {
		return 0, err
	}
	return c.probeDynptr(ofTask(t), false)
}

// probeDynptrString is __bpf_dynptr_copy_str: the length of the string with its NUL.
func (c *Call) probeDynptrString(read reader) (uint64, error) {
	b, err := c.dynptrRoom()
	if err != nil || len(b) == 0 {
		return number(err)
	}
	n, bad := readString(c, read, b, c.Args[3])
	if bad != 0 {
		return maps.Guest(bad), nil
	}
	return uint64(n), nil
}

func copyFromUserTaskStrDynptr(c *Call) (uint64, error) {
	t, err := c.taskAt(4)
	if err != nil {
		return 0, err
	}
	return c.probeDynptrString(ofTask(t))
}
