package helpers

import (
	"slices"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Stacks, and cgroups of tasks and packets: enum bpf_func_id 27, 67, 141, 33 and 37 (kernel/bpf/stackmap.c,
// kernel/trace/bpf_trace.c, net/core/filter.c). Stacks are those that the host tells of.
var stackHelpers = []*Helper{
	{ID: 27, Name: "get_stackid", Fn: getStackID, Args: []Arg{{Name: "ctx", Kind: Scalar}, {Name: "map", Kind: MapOf, Type: ebpf.StackTrace}, {Name: "flags", Kind: Scalar}}},
	{ID: 67, Name: "get_stack", Fn: getStack, Args: []Arg{{Name: "ctx", Kind: Scalar}, {Name: "buf", Kind: MemW}, {Name: "size", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 141, Name: "get_task_stack", Fn: getTaskStack, Args: []Arg{{Name: "task", Kind: Scalar}, {Name: "buf", Kind: MemW}, {Name: "size", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 37, Name: "current_task_under_cgroup", Args: []Arg{{Name: "map", Kind: MapOf, Type: ebpf.CGroupArray}, {Name: "index", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) { return c.under(1, c.Run.task().Cgroups), nil }},
	{ID: 33, Name: "skb_under_cgroup", Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "map", Kind: MapOf, Type: ebpf.CGroupArray}, {Name: "index", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			if c.Run.Socket == nil {
				return maps.Guest(maps.ENOENT), nil
			}
			return c.under(2, c.Run.Socket.Cgroups), nil
		}},
}

// getStackID is bpf_get_stackid.
func getStackID(c *Call) (uint64, error) {
	flags := c.Args[2]
	if flags&^(maps.StackSkip|maps.StackUser|maps.StackFastCompare|maps.StackReuseID) != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	id, err := c.Map.Map.(*maps.StackTrace).ID(c.stack(flags), flags)
	if err != nil {
		return maps.Guest(err), nil
	}
	return uint64(id), nil
}

// getStack is bpf_get_stack: what it returns is how many bytes of the buffer it filled. The rest is zeroed.
func getStack(c *Call) (uint64, error) {
	return c.fillStack(true)
}

// getTaskStack is bpf_get_task_stack. Of another task than the current one, Linux does not tell the user's frames, and
// no host the kernel's.
func getTaskStack(c *Call) (uint64, error) {
	t, err := c.taskAt(0)
	if err != nil {
		return 0, err
	}
	pid := t.PID
	return c.fillStack(pid == c.Run.task().PID)
}

func (c *Call) fillStack(current bool) (uint64, error) {
	buf, flags := c.Mem[1], c.Args[3]
	clear(buf)
	if flags&^(maps.StackSkip|maps.StackUser|maps.StackUserBuildID) != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	size, buildID, user := 8, flags&maps.StackUserBuildID != 0, flags&maps.StackUser != 0
	if buildID {
		size = maps.BuildIDSize
	}
	if buildID && !user || len(buf)%size != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	if !current {
		if user {
			return maps.Guest(maps.EOPNOTSUPP), nil
		}
		return maps.Guest(maps.EFAULT), nil
	}
	stack, skip := c.stack(flags), int(flags&maps.StackSkip)
	if len(stack) == 0 || len(stack) < skip {
		return maps.Guest(maps.EFAULT), nil
	}
	stack = stack[skip:]
	stack = stack[:min(len(stack), len(buf)/size)]
	return uint64(copy(buf, maps.AppendFrames(nil, stack, buildID))), nil
}

// stack asks the host for the stack, the innermost frame first.
func (c *Call) stack(flags uint64) []uint64 {
	return c.Run.World.Host.Stack(c.Run.CPU, flags&maps.StackUser != 0)
}

// under is whether something that is in cgroups is in the one, or below it, that a map has at an index.
func (c *Call) under(index int, cgroups []uint64) uint64 {
	id, err := c.Map.Map.(*maps.CgroupArray).Cgroup(uint32(c.Args[index]))
	switch {
	case err != nil:
		return maps.Guest(err)
	case slices.Contains(cgroups, id):
		return 1
	}
	return 0
}
