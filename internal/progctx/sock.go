package progctx

// struct bpf_sock (include/uapi/linux/bpf.h): a socket as programs see it.
var sockFields = structOf("bound_dev_if 4, family 4, type 4, protocol 4, mark 4, priority 4, src_ip4 4, src_ip6 4x4, src_port 4, dst_port 2, - 2, " +
	"dst_ip4 4, dst_ip6 4x4, state 4, rx_queue_mapping 4")

// Offsets of fields of struct bpf_sock.
const (
	sockFamily  = 4
	sockSrcIP4  = 24
	sockSrcIP6  = 28
	sockSrcPort = 44
	sockDstPort = 48
	sockDstIP4  = 52
	sockDstIP6  = 56
	sockState   = 72
	sockQueue   = 76
	sockSize    = 80
)

const (
	afInet    = 2
	afInet6   = 10
	tcpClosed = 7 // TCP_CLOSE: what sock_init_data leaves
	ethIPv4   = 0x0800
	ethIPv6   = 0x86dd
)

// Programs of cgroups that see sockets being made and bound.
var sockLayout = Layout{
	Name: "struct bpf_sock", Types: []string{"CGroupSock"}, Size: sockSize, Fields: sockFields.writable("bound_dev_if mark priority").
		change("dst_port", func(f *Field) { f.Size = 4 }), // programs may read what was a field of 4 bytes
}

// sockOfPacket fills the socket that BPF_PROG_TEST_RUN gives a packet: bound to the addresses of its IP header.
func sockOfPacket(sock []byte, proto uint16, ip []byte) {
	le.PutUint32(sock[sockState:], tcpClosed)
	le.PutUint32(sock[sockQueue:], 1<<32-1) // none
	switch {
	case proto == ethIPv4 && len(ip) >= 20:
		le.PutUint32(sock[sockFamily:], afInet)
		copy(sock[sockSrcIP4:], ip[12:16])
		copy(sock[sockDstIP4:], ip[16:20])
	case proto == ethIPv6 && len(ip) >= 40:
		le.PutUint32(sock[sockFamily:], afInet6)
		copy(sock[sockSrcIP6:], ip[8:24])
		copy(sock[sockDstIP6:], ip[24:40])
	}
}

// skbOfSock returns what struct __sk_buff shows of a packet's socket, from family to local_port.
func skbOfSock(sock []byte) []byte {
	b := make([]byte, 0, skbDataMeta-skbFamily)
	b = append(b, sock[sockFamily:sockFamily+4]...)
	b = append(b, sock[sockDstIP4:sockDstIP4+4]...)
	b = append(b, sock[sockSrcIP4:sockSrcIP4+4]...)
	b = append(b, sock[sockDstIP6:sockDstIP6+16]...)
	b = append(b, sock[sockSrcIP6:sockSrcIP6+16]...)
	b = append(b, 0, 0, sock[sockDstPort], sock[sockDstPort+1])
	return append(b, sock[sockSrcPort:sockSrcPort+4]...)
}
