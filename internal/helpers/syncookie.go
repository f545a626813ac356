package helpers

import (
	"hash/maphash"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// SYN cookies: enum bpf_func_id 100, 110 and 204 to 207, net/core/filter.c, net/ipv4/syncookies.c. A cookie is the same as
// Linux's in form: what it hashes with which key is no program's business.
var cookieHelpers = []*Helper{
	{ID: 100, Name: "tcp_check_syncookie", Fn: checkSyncookie, Args: cookieArgs},
	{ID: 110, Name: "tcp_gen_syncookie", Fn: genSyncookie, Args: cookieArgs},
	{ID: 204, Name: "tcp_raw_gen_syncookie_ipv4", Fn: rawGenSyncookie(addresses4, msses4), Args: rawGenArgs(ipv4Header)},
	{ID: 205, Name: "tcp_raw_gen_syncookie_ipv6", Fn: rawGenSyncookie(addresses6, msses6), Args: rawGenArgs(ipv6Header)},
	{ID: 206, Name: "tcp_raw_check_syncookie_ipv4", Fn: rawCheckSyncookie(addresses4), Args: rawCheckArgs(ipv4Header)},
	{ID: 207, Name: "tcp_raw_check_syncookie_ipv6", Fn: rawCheckSyncookie(addresses6), Args: rawCheckArgs(ipv6Header)},
}

var cookieArgs = []Arg{{Name: "sk", Kind: Scalar}, {Name: "iph", Kind: Mem}, {Name: "iph_len", Kind: Size}, {Name: "th", Kind: Mem}, {Name: "th_len", Kind: Size}}

func rawGenArgs(ip uint32) []Arg {
	return []Arg{{Name: "iph", Kind: Mem, Size: ip}, {Name: "th", Kind: Mem}, {Name: "th_len", Kind: Size}}
}

func rawCheckArgs(ip uint32) []Arg {
	return []Arg{{Name: "iph", Kind: Mem, Size: ip}, {Name: "th", Kind: Mem, Size: tcpHeader}}
}

// Sizes of headers without options.
const (
	ipv4Header = 20
	ipv6Header = 40
	tcpHeader  = 20
)

// The maximum segment sizes that a cookie has room for (msstab of syncookies.c).
var (
	msses4 = [4]uint16{536, 1300, 1440, 1460}
	msses6 = [4]uint16{1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60}
)

// Bits of byte 13 of a TCP header.
const (
	tcpFIN = 1 << 0
	tcpSYN = 1 << 1
	tcpRST = 1 << 2
	tcpACK = 1 << 4
)

// addresses4 and addresses6 are both addresses in a header of IP.
func addresses4(ip []byte) []byte { return ip[12:ipv4Header] }
func addresses6(ip []byte) []byte { return ip[8:ipv6Header] }

// cookieSeed is the secret of this process.
var cookieSeed = maphash.MakeSeed()

// cookieHash is cookie_hash: addresses and ports, a count of minutes and which of two secrets.
func cookieHash(addresses, th []byte, count uint32, secret byte) uint32 {
	var b [32 + 4 + 5]byte
	n := copy(b[:], addresses)
	n += copy(b[n:], th[:4])
	le.PutUint32(b[n:], count)
	b[n+4] = secret
	return uint32(maphash.Bytes(cookieSeed, b[:n+5]))
}

const (
	cookieBits = 24 // of the sum that hold a value
	cookieMask = 1<<cookieBits - 1
	cookieLife = 2 // minutes (MAX_SYNCOOKIE_AGE)
	minute     = 60 * 1_000_000_000
)

func (w *World) cookieCount() uint32 { return uint32(w.Clock() / minute) }

// makeCookie is secure_tcp_syn_cookie.
func makeCookie(addresses, th []byte, seq, count, data uint32) uint32 {
	return cookieHash(addresses, th, 0, 0) + seq + count<<cookieBits + (cookieHash(addresses, th, count, 1)+data)&cookieMask
}

// readCookie is check_tcp_syn_cookie: the value that was put in.
func readCookie(cookie uint32, addresses, th []byte, seq, count uint32) (data uint32, ok bool) {
	cookie -= cookieHash(addresses, th, 0, 0) + seq
	age := (count - cookie>>cookieBits) & (1<<(32-cookieBits) - 1)
	if age >= cookieLife {
		return 0, false
	}
	return (cookie - cookieHash(addresses, th, count-age, 1)) & cookieMask, true
}

// cookieFor makes the answer to a SYN: the cookie, and above it the segment size that it stands for
// (__cookie_v4_init_sequence).
func cookieFor(c *Call, addresses, th []byte, sizes [4]uint16) uint64 {
	mss := mssOption(th)
	if mss == 0 {
		mss = sizes[0]
	}
	i := len(sizes) - 1
	for i > 0 && mss < sizes[i] {
		i--
	}
	cookie := makeCookie(addresses, th, be.Uint32(th[4:]), c.Run.World.cookieCount(), uint32(i))
	return uint64(cookie) | uint64(sizes[i])<<32
}

// answers reports whether an ACK brings back a cookie (__cookie_v4_check).
func answers(c *Call, addresses, th []byte) bool {
	data, ok := readCookie(be.Uint32(th[8:])-1, addresses, th, be.Uint32(th[4:])-1, c.Run.World.cookieCount())
	return ok && data < uint32(len(msses4))
}

// mssOption is tcp_parse_mss_option: 0 where there is none.
func mssOption(th []byte) uint16 {
	const end, nop, mss = 0, 1, 2
	for b := th[tcpHeader:]; len(b) > 0; {
		switch {
		case b[0] == end:
			return 0
		case b[0] == nop:
			b = b[1:]
			continue
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			return 0
		case b[0] == mss && b[1] == 4:
			return be.Uint16(b[2:])
		}
		b = b[b[1]:]
	}
	return 0
}

// whole reports whether a TCP header is as long as it says.
func whole(th []byte) bool { return len(th) >= tcpHeader && len(th) == int(th[12]>>4)*4 }

func rawGenSyncookie(addresses func([]byte) []byte, sizes [4]uint16) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		if !whole(c.Mem[1]) {
			return maps.Guest(maps.EINVAL), nil
		}
		return cookieFor(c, addresses(c.Mem[0]), c.Mem[1], sizes), nil
	}
}

func rawCheckSyncookie(addresses func([]byte) []byte) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		if !answers(c, addresses(c.Mem[0]), c.Mem[1]) {
			return maps.Guest(maps.EACCES), nil
		}
		return 0, nil
	}
}

// listens returns what is wrong with a socket that is to take a connection of these headers, 0 for nothing.
func listens(s *host.Socket, ip []byte) maps.Errno {
	switch {
	case len(ip) < ipv4Header:
		return maps.EINVAL
	case ip[0]>>4 == 6 && (len(ip) < ipv6Header || s.FamilyOf() != host.AFInet6):
		return maps.EINVAL
	case ip[0]>>4 != 4 && ip[0]>>4 != 6:
		return maps.EPROTONOSUPPORT
	}
	return 0
}

// genSyncookie is bpf_tcp_gen_syncookie, where a listener always sends cookies (net.ipv4.tcp_syncookies=2).
func genSyncookie(c *Call) (uint64, error) {
	h, err := c.socket(0, true)
	if err != nil {
		return 0, err
	}
	ip, th := c.Mem[1], c.Mem[3]
	if h == nil || !whole(th) || h.sock.Protocol != host.ProtoTCP || h.sock.State != host.TCPListen || th[13]&(tcpSYN|tcpACK|tcpFIN|tcpRST) != tcpSYN {
		return maps.Guest(maps.EINVAL), nil
	}
	if e := listens(h.sock, ip); e != 0 {
		return maps.Guest(e), nil
	}
	if ip[0]>>4 == 6 {
		return cookieFor(c, addresses6(ip), th, msses6), nil
	}
	return cookieFor(c, addresses4(ip), th, msses4), nil
}

// checkSyncookie is bpf_tcp_check_syncookie.
func checkSyncookie(c *Call) (uint64, error) {
	h, err := c.socket(0, true)
	if err != nil {
		return 0, err
	}
	ip, th := c.Mem[1], c.Mem[3]
	switch {
	case h == nil || len(th) < tcpHeader || h.sock.Protocol != host.ProtoTCP || h.sock.State != host.TCPListen:
		return maps.Guest(maps.EINVAL), nil
	case th[13]&(tcpACK|tcpRST|tcpSYN) != tcpACK:
		return maps.Guest(maps.ENOENT), nil
	}
	if e := listens(h.sock, ip); e != 0 {
		return maps.Guest(e), nil
	}
	addresses := addresses4
	if ip[0]>>4 == 6 {
		addresses = addresses6
	}
	if !answers(c, addresses(ip), th) {
		return maps.Guest(maps.ENOENT), nil
	}
	return 0, nil
}
