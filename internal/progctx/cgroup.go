package progctx

// Programs of cgroups that are given no packet: sockopt, sysctl, device, sock_addr. A
// caller gives the context as the struct of include/uapi/linux/bpf.h, pointers left 0.

// struct bpf_sockopt. RunOptions.Data is the option's value.
var sockoptLayout = structLayout("struct bpf_sockopt", "CGroupSockopt",
	structOf("sk 8, optval 8, optval_end 8, level 4, optname 4, optlen 4, retval 4").writable("level optname optlen retval"),
	ends{data: "optval", end: "optval_end"})

// struct bpf_sysctl.
var sysctlLayout = structLayout("struct bpf_sysctl", "CGroupSysctl", structOf("write 4, file_pos 4").writable("file_pos"), ends{})

// struct bpf_cgroup_dev_ctx.
var deviceLayout = structLayout("struct bpf_cgroup_dev_ctx", "CGroupDevice", structOf("access_type 4, major 4, minor 4"), ends{})

// struct bpf_sock_addr.
var sockAddrLayout = structLayout("struct bpf_sock_addr", "CGroupSockAddr",
	structOf("user_family 4, user_ip4 4, user_ip6 4x4, user_port 4, family 4, type 4, protocol 4, msg_src_ip4 4, msg_src_ip6 4x4, sk 8").
		writable("user_ip4 user_ip6 user_port msg_src_ip4 msg_src_ip6"), ends{})
