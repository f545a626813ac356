package helpers

import (
	"net/netip"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// What programs change of a socket: enum bpf_func_id 49, 57, 59 and 64, net/core/filter.c.
var sockoptHelpers = []*Helper{
	{ID: 49, Name: "setsockopt", Fn: setsockopt, Args: sockoptArgs(Mem)},
	{ID: 57, Name: "getsockopt", Fn: getsockopt, Args: sockoptArgs(MemW)},
	{ID: 59, Name: "sock_ops_cb_flags_set", Fn: cbFlagsSet, Args: []Arg{{Name: "skops", Kind: Ctx}, {Name: "flags", Kind: Scalar}}},
	{ID: 64, Name: "bind", Fn: bind, Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "addr", Kind: Mem}, {Name: "addr_len", Kind: Size}}},
}

func sockoptArgs(value Kind) []Arg {
	return []Arg{{Name: "sk", Kind: Scalar}, {Name: "level", Kind: Scalar}, {Name: "optname", Kind: Scalar},
		{Name: "optval", Kind: value}, {Name: "optlen", Kind: Size}}
}

// Levels of options, and the options that programs may set or read: those of 4 bytes, and those of any length.
const (
	solIP     = 0
	solSocket = 1
	solTCP    = 6
	solIPv6   = 41

	soPriority = 12
	soMark     = 36
)

var sockOptions = map[int32]struct{ ints, any []int32 }{
	solSocket: {ints: []int32{2, 7, 8, 9, soPriority, 18, soMark, 47, 62, 74}, any: []int32{25}}, // SO_REUSEADDR … SO_TXREHASH, SO_BINDTODEVICE
	solIP:     {ints: []int32{1}},                                                                // IP_TOS
	solIPv6:   {ints: []int32{67, 70}},                                                           // IPV6_TCLASS, IPV6_AUTOFLOWLABEL
	solTCP: {ints: []int32{1, 2, 4, 5, 6, 7, 10, 16, 18, 25, 27, 44, // TCP_NODELAY … TCP_RTO_MAX_MS
		1001, 1002, 1003, 1004, 1008}, any: []int32{13, 28}}, // TCP_BPF_IW … TCP_BPF_SOCK_OPS_CB_FLAGS, TCP_CONGESTION, TCP_SAVED_SYN
}

// optionFits reports whether a socket has an option of such a length.
func optionFits(s *host.Socket, level, name int32, size int) bool {
	switch {
	case level == solTCP && s.Protocol != host.ProtoTCP, level == solIP && s.FamilyOf() != host.AFInet, level == solIPv6 && s.FamilyOf() != host.AFInet6:
		return false
	}
	for _, n := range sockOptions[level].ints {
		if n == name {
			return size == 4
		}
	}
	for _, n := range sockOptions[level].any {
		if n == name {
			return true
		}
	}
	return false
}

// option returns the socket of a call about an option; nil where it has none.
func (c *Call) option() (s *host.Socket, level, name int32, err error) {
	if s, err = c.ofArg(0); err != nil {
		return nil, 0, 0, err
	}
	level, name = int32(c.Args[1]), int32(c.Args[2])
	if s == nil || !s.Full() || !optionFits(s, level, name, len(c.Mem[3])) {
		return nil, 0, 0, nil
	}
	return s, level, name, nil
}

func setsockopt(c *Call) (uint64, error) {
	s, level, name, err := c.option()
	if err != nil {
		return 0, err
	}
	if s == nil {
		return maps.Guest(maps.EINVAL), nil
	}
	s.SetOption(level, name, c.Mem[3])
	return 0, nil
}

// getsockopt gives what was set, of the mark and the priority what the socket has, and zeros for the rest.
func getsockopt(c *Call) (uint64, error) {
	s, level, name, err := c.option()
	if err != nil {
		return 0, err
	}
	clear(c.Mem[3])
	if s == nil {
		return maps.Guest(maps.EINVAL), nil
	}
	v, ok := s.Option(level, name)
	switch {
	case ok:
		copy(c.Mem[3], v)
	case level == solSocket && name == soMark:
		le.PutUint32(c.Mem[3], s.Mark)
	case level == solSocket && name == soPriority:
		le.PutUint32(c.Mem[3], s.Priority)
	}
	return 0, nil
}

// Offsets in struct bpf_sock_ops, and its callbacks.
const (
	opsOp         = 0
	opsFullSock   = 72
	opsCBFlags    = 84
	opsAllCBFlags = 0x7f // BPF_SOCK_OPS_ALL_CB_FLAGS
)

// cbFlagsSet is bpf_sock_ops_cb_flags_set: which callbacks the socket wants from now on.
func cbFlagsSet(c *Call) (uint64, error) {
	ctx := c.Mem[0]
	if len(ctx) < opsCBFlags+4 || le.Uint32(ctx[opsFullSock:]) == 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	flags := uint32(c.Args[1])
	le.PutUint32(ctx[opsCBFlags:], flags&opsAllCBFlags)
	return uint64(flags &^ opsAllCBFlags), nil
}

// Sizes of socket addresses: the family alone, struct sockaddr_in, and SIN6_LEN_RFC2133.
const (
	sockaddrFamily = 2
	sockaddrIn     = 16
	sockaddrIn6    = 24
)

// Bound returns the address that the program bound its socket to (bpf_bind); invalid: it did not.
func (r *Run) Bound() netip.AddrPort {
	if r.acts == nil {
		return netip.AddrPort{}
	}
	return r.acts.bound
}

// bind is bpf_bind, of programs that see connect(2).
func bind(c *Call) (uint64, error) {
	b := c.Mem[1]
	if len(b) < sockaddrFamily {
		return maps.Guest(maps.EINVAL), nil
	}
	switch family := le.Uint16(b); {
	case family == afInet && len(b) >= sockaddrIn:
		c.Run.act().bound = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), be.Uint16(b[2:]))
	case family == afInet6 && len(b) >= sockaddrIn6:
		c.Run.act().bound = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:])), be.Uint16(b[2:]))
	case family == afInet || family == afInet6:
		return maps.Guest(maps.EINVAL), nil
	default:
		return maps.Guest(maps.EAFNOSUPPORT), nil
	}
	return 0, nil
}
