package helpers

import (
	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Storage of tasks, inodes and cgroups: enum bpf_func_id 81, 145, 146, 156, 157, 210 and 211
// (kernel/bpf/bpf_{task,inode,cgrp}_storage.c).
var storageHelpers = []*Helper{
	{ID: 81, Name: "get_local_storage", Fn: getLocalStorage, Args: []Arg{{Name: "map", Kind: AnyMap}, {Name: "flags", Kind: Scalar}}},
	storageGet(145, "inode_storage_get", ebpf.InodeStorage, InodeObject),
	storageDelete(146, "inode_storage_delete", ebpf.InodeStorage, InodeObject),
	storageGet(156, "task_storage_get", ebpf.TaskStorage, TaskObject),
	storageDelete(157, "task_storage_delete", ebpf.TaskStorage, TaskObject),
	storageGet(210, "cgrp_storage_get", ebpf.CgroupStorage, CgroupObject),
	storageDelete(211, "cgrp_storage_delete", ebpf.CgroupStorage, CgroupObject),
}

// storageCreate is BPF_LOCAL_STORAGE_GET_F_CREATE.
const storageCreate = 1

func storageGet(id int32, name string, t ebpf.MapType, kind ObjectKind) *Helper {
	return &Helper{ID: id, Name: name, Objects: true,
		Args: []Arg{{Name: "map", Kind: MapOf, Type: t}, {Name: "owner", Kind: Scalar}, {Name: "value", Kind: MapValue, Nullable: true}, {Name: "flags", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			if c.Args[3]&^storageCreate != 0 || c.Args[1] == 0 {
				return 0, nil
			}
			owner, err := c.owner(kind)
			if err != nil {
				return 0, err
			}
			return c.Storage(owner), nil
		}}
}

// Storage is what the storage_get helpers do with owner, the id of the object: the map, the first value and the flags
// are arguments 1, 3 and 4. It returns the address of the value; 0: there is none, and none was asked for, or no room.
func (c *Call) Storage(owner uint64) uint64 {
	addr, err := c.Map.Map.(*maps.LocalStorage).Get(owner, c.Args[3]&storageCreate != 0, c.Mem[2])
	if err != nil {
		return 0
	}
	return addr
}

func storageDelete(id int32, name string, t ebpf.MapType, kind ObjectKind) *Helper {
	return &Helper{ID: id, Name: name, Args: []Arg{{Name: "map", Kind: MapOf, Type: t}, {Name: "owner", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			if c.Args[1] == 0 {
				return maps.Guest(maps.EINVAL), nil
			}
			owner, err := c.owner(kind)
			if err != nil {
				return 0, err
			}
			return maps.Guest(c.Map.Map.(*maps.LocalStorage).Remove(owner)), nil
		}}
}

// owner returns the id of the object that argument 2 points to.
func (c *Call) owner(kind ObjectKind) (uint64, error) {
	if kind == TaskObject {
		t, err := c.taskAt(1)
		if err != nil {
			return 0, err
		}
		return uint64(t.PID), nil
	}
	o, err := c.objectAt(1, kind)
	if err != nil {
		return 0, err
	}
	return o.ID, nil
}

// getLocalStorage is bpf_get_local_storage, for the current task's own cgroup; 0 where that is unknown.
func getLocalStorage(c *Call) (uint64, error) {
	m, ok := c.Map.Map.(*maps.CgroupStorage)
	if !ok {
		return 0, c.bad(0, 0, "map "+c.Map.Def.Name+" is no cgroup storage of programs")
	}
	var cgroup uint64
	if ids := c.Run.task().Cgroups; len(ids) > 0 {
		cgroup = ids[len(ids)-1]
	}
	return m.Get(cgroup, c.Run.CPU)
}
