package helpers

import (
	"slices"

	"github.com/cilium/ebpf/btf"
)

// Version 2 cgroups: enum bpf_func_id 80 and 123, and kfuncs (kernel/bpf/helpers.c). A cgroup is known
// by its id; those of the current task are all that there are.
var cgroupHelpers = []*Helper{
	{ID: 80, Name: "get_current_cgroup_id", Fn: func(c *Call) (uint64, error) {
		ids := c.Run.task().Cgroups
		if len(ids) == 0 {
			return 0, nil
		}
		return ids[len(ids)-1], nil
	}},
	{ID: 123, Name: "get_current_ancestor_cgroup_id", Args: []Arg{{Name: "ancestor_level", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) { return ancestor(c.Run.task().Cgroups, c.Args[0]), nil }},
	{Name: "bpf_cgroup_acquire", Fn: sameCgroup, Args: []Arg{{Name: "cgrp", Kind: Scalar}}},
	{Name: "bpf_cgroup_release", Args: []Arg{{Name: "cgrp", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) {
		_, err := c.objectAt(0, CgroupObject)
		return 0, err
	}},
	{Name: "bpf_cgroup_from_id", Objects: true, Args: []Arg{{Name: "cgid", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) { return c.Run.World.cgroup(c.Run.task().Cgroups, c.Args[0]), nil }},
	{Name: "bpf_cgroup_ancestor", Objects: true, Fn: cgroupAncestor, Args: []Arg{{Name: "cgrp", Kind: Scalar}, {Name: "level", Kind: Scalar}}},
	{Name: "bpf_task_under_cgroup", Fn: taskUnderCgroup, Args: []Arg{{Name: "task", Kind: Scalar}, {Name: "ancestor", Kind: Scalar}}},
}

// ancestor returns the id at a level, which Linux takes for an int; 0 where there is none.
func ancestor(ids []uint64, level uint64) uint64 {
	if l := int32(level); l >= 0 && int(l) < len(ids) {
		return ids[l]
	}
	return 0
}

// cgroup returns the address of the cgroup of that id among path and its ancestors; 0: there is none.
func (w *World) cgroup(path []uint64, id uint64) uint64 {
	i := slices.Index(path, id)
	if i < 0 {
		return 0
	}
	o, err := w.Object(CgroupObject, id, func(o *Object, b []byte, layout *btf.Struct) {
		o.ancestors = path[:i+1]
		if layout != nil {
			setField(b, layout, "level", uint64(i))
			setField(b, layout, "kn.id", id)
		}
	})
	if err != nil {
		return 0
	}
	return o.Addr
}

func sameCgroup(c *Call) (uint64, error) {
	_, err := c.objectAt(0, CgroupObject)
	return c.Args[0], err
}

func cgroupAncestor(c *Call) (uint64, error) {
	o, err := c.objectAt(0, CgroupObject)
	if err != nil {
		return 0, err
	}
	if id := ancestor(o.ancestors, c.Args[1]); id != 0 {
		return c.Run.World.cgroup(o.ancestors, id), nil
	}
	return 0, nil
}

// taskUnderCgroup is bpf_task_under_cgroup.
func taskUnderCgroup(c *Call) (uint64, error) {
	t, err := c.taskAt(0)
	if err != nil {
		return 0, err
	}
	o, err := c.objectAt(1, CgroupObject)
	if err != nil {
		return 0, err
	}
	if slices.Contains(t.Cgroups, o.ID) {
		return 1, nil
	}
	return 0, nil
}
