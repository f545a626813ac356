package host

// Classes says how the kernel classified packets besides.
type Classes interface {
	// CgroupClass returns the class of the current task's net_cls cgroup, 0 when there is none.
	CgroupClass() uint32
	// RouteRealm returns the realm of the packet's route, 0 when there is none.
	RouteRealm() uint32
}

// CgroupClass implements [Classes]: there is none.
func (Default) CgroupClass() uint32 { return 0 }

// RouteRealm implements [Classes]: there is none.
func (Default) RouteRealm() uint32 { return 0 }
