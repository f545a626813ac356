package rivet

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/helpers"
)

// KernelObject returns the guest address of a struct of the kernel, for a context that points to one: kind is
// "task_struct", "cgroup" or "inode", id a PID, a cgroup's id or an inode's number. The struct is the one that helpers
// know the task, cgroup or inode by, and the same each time. Its members are 0, but for those of a task that
// [Host] tells of.
func (coll *Collection) KernelObject(kind string, id uint64) (uint64, error) {
	w := coll.core.pool.world
	switch kind {
	case helpers.TaskObject.String():
		t, ok := w.Host.TaskByPID(uint32(id))
		if !ok || id > 1<<31 {
			return 0, fmt.Errorf("kernel object %s %d: the host has no such task", kind, id)
		}
		return w.TaskAddress(&t)
	case helpers.CgroupObject.String():
		return w.NewObject(helpers.CgroupObject, id)
	case helpers.InodeObject.String():
		return w.NewObject(helpers.InodeObject, id)
	}
	return 0, fmt.Errorf("kernel object %s: must be task_struct, cgroup or inode", kind)
}
