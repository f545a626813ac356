package helpers

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

func TestSocketsOfARun(t *testing.T) {
	r, mem, at := netRun(t, "SchedCLS", 64)
	listen := &host.Socket{Protocol: 6, State: host.TCPListen, Local: netip.MustParseAddrPort("127.0.0.1:80"), Mark: 7, Cookie: 99, Cgroups: []uint64{1, 42},
		TCP: &host.TCPInfo{SndCwnd: 10, BytesAcked: 1 << 40, Retransmits: 3}, Kernel: []byte("struct tcp_sock")}
	request := &host.Socket{Protocol: 6, State: host.TCPNewSynRecv, Local: netip.MustParseAddrPort("127.0.0.1:81"), Listener: listen}
	r.World.Host = netHost{socks: []*host.Socket{listen, request}}
	tuple := func(port uint16) {
		clear(mem[:36])
		copy(mem[4:], []byte{127, 0, 0, 1})
		be.PutUint16(mem[10:], port)
	}
	tuple(80)
	sk := uint64(r.call(t, 84, r.CtxAt, at, 12, math.MaxUint64, 0))
	b, ok := r.World.Arena.Bytes(sk, sockSize)
	if !ok || le.Uint32(b[4:]) != 2 || le.Uint32(b[16:]) != 7 || le.Uint32(b[44:]) != 80 || le.Uint32(b[72:]) != host.TCPListen || le.Uint32(b[76:]) != math.MaxUint32 {
		t.Fatalf("struct bpf_sock at %#x: %x", sk, b)
	}
	if again := uint64(r.call(t, 99, r.CtxAt, at, 12, math.MaxUint64, 0)); again != sk {
		t.Errorf("the same socket at %#x and %#x", sk, again)
	}
	tcp := uint64(r.call(t, 96, sk))
	if b, ok := r.World.Arena.Bytes(tcp, 112); !ok || le.Uint32(b) != 10 || le.Uint64(b[88:]) != 1<<40 || le.Uint32(b[108:]) != 3 {
		t.Errorf("struct bpf_tcp_sock: %x", b)
	}
	kernel := uint64(r.call(t, 137, sk))
	if b, ok := r.World.Arena.Bytes(kernel, 15); !ok || string(b) != "struct tcp_sock" {
		t.Errorf("struct tcp_sock: %q", b)
	}
	for _, test := range []struct {
		id   int32
		args []uint64
		want int64
	}{
		{46, []uint64{sk}, 99}, {47, []uint64{r.CtxAt}, 0},
		{95, []uint64{sk}, int64(sk)}, {98, []uint64{sk}, int64(sk)}, {128, []uint64{sk}, 42},
		{129, []uint64{sk, 0}, 1}, {129, []uint64{sk, 2}, 0}, {129, []uint64{sk, math.MaxUint32}, 0},
		{136, []uint64{sk}, 0}, {138, []uint64{sk}, 0}, {139, []uint64{sk}, 0}, {140, []uint64{sk}, 0}, {178, []uint64{sk}, 0}, {137, []uint64{0}, 0},
		{124, []uint64{r.CtxAt, sk, 0}, 0}, {124, []uint64{r.CtxAt, sk, 1}, -22}, {124, []uint64{r.CtxAt, 0, 0}, -22},
		{86, []uint64{sk}, 0}, {86, []uint64{kernel}, 0},
	} {
		if got := r.call(t, test.id, test.args...); got != test.want {
			t.Errorf("helper %d%#x: %d, want %d", test.id, test.args, got, test.want)
		}
	}
	if r.Assigned() != listen {
		t.Error("nothing was assigned")
	}
	if r.call(t, 116, sk, 7); !slices.Equal(r.Acks(), []uint32{7}) {
		t.Errorf("acknowledged: %d", r.Acks())
	}
	r.fault(t, "released more often", 86, sk)
	r.fault(t, "not a socket of this run", 86, sk+8)
	r.fault(t, "not a socket of this run", 95, 0)
	r.fault(t, "not a socket of this run", 96, at)
	tuple(81)
	if full := uint64(r.call(t, 84, r.CtxAt, at, 12, math.MaxUint64, 0)); full != sk {
		t.Errorf("the full socket of a request: %#x", full)
	}
	any := uint64(r.call(t, 99, r.CtxAt, at, 12, math.MaxUint64, 0))
	if any == sk || r.call(t, 95, any) != 0 || uint64(r.call(t, 98, any)) != sk {
		t.Error("a request is taken for its listener")
	}
	r.ResetActions()
	r.fault(t, "not a socket of this run", 86, sk)
	if r.Assigned() != nil {
		t.Error("an assignment outlives its run")
	}
}

// A run that looks up sockets without end gets a fault, not more memory.
func TestSocketsAreBounded(t *testing.T) {
	r, _, _ := netRun(t, "SchedCLS", 64)
	got := 0
	for range maxSockets + 1 {
		if r.hold(&host.Socket{}) != 0 {
			got++
		}
	}
	if got != maxSockets {
		t.Errorf("%d sockets", got)
	}
	r.ResetActions()
	r.More = func(int) ([]byte, uint64, error) { return nil, 0, maps.ENOMEM }
	r.World.Host = netHost{socks: []*host.Socket{{Protocol: 6, State: host.TCPListen, Local: netip.MustParseAddrPort("0.0.0.0:0")}}}
	_, mem, at := r, r.Ctx, r.CtxAt
	clear(mem)
	r.fault(t, "no guest memory for a socket", 84, r.CtxAt, at, 12, math.MaxUint64, 0)
}

func TestMapsOfSockets(t *testing.T) {
	r, mem, at := netRun(t, "SkSKB", 64)
	open := &host.Socket{Protocol: 6, State: host.TCPEstablished, Local: netip.MustParseAddrPort("127.0.0.1:80")}
	listen := &host.Socket{Protocol: 6, State: host.TCPListen}
	table := r.World.Maps[socks].Map.(*maps.SockMap)
	for i, s := range []*host.Socket{open, listen} {
		if err := table.Put(key32(uint32(i)), s, 0); err != nil {
			t.Fatal(err)
		}
	}
	m, h := bpf.MapHandle(socks), bpf.MapHandle(sockHash)
	binary.LittleEndian.PutUint64(mem, 77)
	for _, test := range []struct {
		id   int32
		args []uint64
		want int64
	}{
		{52, []uint64{r.CtxAt, m, 0, 0}, skPass}, {52, []uint64{r.CtxAt, m, 0, 1}, skPass}, {52, []uint64{r.CtxAt, m, 0, 2}, skDrop},
		{52, []uint64{r.CtxAt, m, 1, 0}, skDrop}, {52, []uint64{r.CtxAt, m, 2, 0}, skDrop}, {52, []uint64{r.CtxAt, m, math.MaxUint32, 0}, skDrop},
		{60, []uint64{r.CtxAt, m, 0, 0}, skPass}, {72, []uint64{r.CtxAt, h, at, 0}, skDrop},
		{70, []uint64{r.CtxAt, h, at, 0}, -95}, {53, []uint64{r.CtxAt, m, at, 0}, -95},
		{82, []uint64{r.CtxAt, h, at, 0}, -2}, {82, []uint64{r.CtxAt, h, at, 1}, -22},
	} {
		if got := r.call(t, test.id, test.args...); got != test.want {
			t.Errorf("helper %d%#x: %d, want %d", test.id, test.args, got, test.want)
		}
	}
	r.Socket = open
	if got := r.call(t, 70, r.CtxAt, h, at, 0); got != 0 {
		t.Fatal(got)
	}
	if got := r.call(t, 70, r.CtxAt, h, at, maps.NoExist); got != -17 {
		t.Errorf("again: %d", got)
	}
	if got := r.call(t, 71, r.CtxAt, h, at, FIngress); got != skPass {
		t.Errorf("to a socket in the hash: %d", got)
	}
	if d := r.Redirect(); d.Socket != open || d.Map.Index != sockHash || !bytes.Equal(d.Key, mem[:8]) || d.Flags != FIngress {
		t.Errorf("%+v", d)
	}
	clear(mem)
	if sk := uint64(r.call(t, 1, m, at)); sk == 0 || r.call(t, 86, sk) != 0 {
		t.Error("a socket that a map has is not found")
	}
	r.fault(t, `map "array" is of kind Array, must be [SockMap]`, 52, r.CtxAt, bpf.MapHandle(array), 0, 0)
	r.fault(t, `must be [SockHash]`, 71, r.CtxAt, m, at, 0)
}

func TestMessages(t *testing.T) {
	r, _, _ := netRun(t, "SkMsg", 100)
	for _, test := range []struct {
		id      int32
		args    [3]uint64
		want    int64
		size    int
		at, val int // a byte to look at
	}{
		{63, [3]uint64{10, 20, 0}, 0, 100, 10, 10}, {63, [3]uint64{20, 10, 0}, -22, 100, 0, 0}, {63, [3]uint64{0, 101, 0}, -22, 100, 0, 0},
		{63, [3]uint64{0, 10, 1}, -22, 100, 0, 0}, {63, [3]uint64{math.MaxUint32 - 1, math.MaxUint32, 0}, -22, 100, 0, 0},
		{90, [3]uint64{10, 5, 0}, 0, 105, 15, 10}, {90, [3]uint64{106, 5, 0}, -22, 105, 0, 0}, {90, [3]uint64{0, 0, 0}, 0, 105, 0, 0},
		{90, [3]uint64{0, math.MaxUint32, 0}, -12, 105, 0, 0}, {90, [3]uint64{0, 1, 1}, -22, 105, 0, 0},
		{91, [3]uint64{10, 5, 0}, 0, 100, 10, 10}, {91, [3]uint64{99, 2, 0}, -22, 100, 0, 0}, {91, [3]uint64{math.MaxUint32, math.MaxUint32, 0}, -22, 100, 0, 0},
		{91, [3]uint64{0, 4, 7}, -22, 100, 0, 0}, {91, [3]uint64{0, 4, 0}, 0, 96, 0, 4},
	} {
		got := r.call(t, test.id, r.CtxAt, test.args[0], test.args[1], test.args[2])
		if b := r.Packet.Bytes; got != test.want || len(b) != test.size || int(b[test.at]) != test.val {
			t.Errorf("helper %d%v: %d, %d bytes, byte %d is %d", test.id, test.args, got, len(b), test.at, b[test.at])
		}
	}
	r.call(t, 61, r.CtxAt, 11)
	r.call(t, 62, r.CtxAt, 12)
	if apply, cork := r.Verdicts(); apply != 11 || cork != 12 {
		t.Errorf("%d, %d", apply, cork)
	}
}

func TestSocketOptions(t *testing.T) {
	r, mem, at := netRun(t, "SockOps", 20)
	set := func(level, name, size uint64) int64 { return r.call(t, 49, r.CtxAt, level, name, at, size) }
	if got := set(1, 36, 4); got != -22 {
		t.Errorf("without a socket: %d", got)
	}
	r.Socket = &host.Socket{Protocol: 6, State: host.TCPEstablished, Local: netip.MustParseAddrPort("127.0.0.1:80"), Mark: 5}
	if got := r.call(t, 57, r.CtxAt, 1, 36, at, 4); got != 0 || mem[0] != 5 {
		t.Errorf("SO_MARK: %d, %d", got, mem[0])
	}
	mem[0] = 9
	if got := set(1, 36, 4); got != 0 {
		t.Errorf("set SO_MARK: %d", got)
	}
	if v, ok := r.Socket.Option(1, 36); !ok || !bytes.Equal(v, []byte{9, 0, 0, 0}) {
		t.Errorf("%v, %x", ok, v)
	}
	for _, bad := range [][3]uint64{{1, 36, 5}, {1, 999, 4}, {41, 67, 4}, {6, 999, 4}, {2, 1, 4}} {
		mem[0] = 1
		if got := set(bad[0], bad[1], bad[2]); got != -22 {
			t.Errorf("set %v: %d", bad, got)
		}
		if got := r.call(t, 57, r.CtxAt, bad[0], bad[1], at, bad[2]); got != -22 || mem[0] != 0 {
			t.Errorf("get %v: %d, %x", bad, got, mem[:4])
		}
	}
	copy(mem, "cubic\x00")
	if got := set(6, 13, 6); got != 0 || r.call(t, 57, r.CtxAt, 6, 13, at, 16) != 0 || string(mem[:5]) != "cubic" {
		t.Errorf("TCP_CONGESTION: %d, %q", got, mem[:6])
	}
	if got := r.call(t, 59, r.CtxAt, 0xff); got != -22 {
		t.Errorf("flags of a socket that is not full: %d", got)
	}
	le.PutUint32(r.Ctx[opsFullSock:], 1)
	if got := r.call(t, 59, r.CtxAt, 0xff); got != 0x80 || le.Uint32(r.Ctx[opsCBFlags:]) != 0x7f {
		t.Errorf("flags: %#x", got)
	}
}

func TestBind(t *testing.T) {
	r, mem, at := netRun(t, "CGroupSockAddr", 0)
	r.Packet = nil
	for _, test := range []struct {
		family, size int
		want         int64
		bound        string
	}{{2, 16, 0, "1.2.3.4:80"}, {2, 15, -22, ""}, {10, 28, 0, "[::1]:80"}, {10, 23, -22, ""}, {1, 16, -97, ""}, {2, 1, -22, ""}} {
		r.ResetActions()
		clear(mem)
		mem[0], mem[3] = byte(test.family), 80
		if test.family == 2 {
			copy(mem[4:], []byte{1, 2, 3, 4})
		}
		mem[23] = 1
		got := r.call(t, 64, r.CtxAt, at, uint64(test.size))
		if b := r.Bound(); got != test.want || b.IsValid() != (test.bound != "") || b.IsValid() && b.String() != test.bound {
			t.Errorf("%+v: %d, %v", test, got, b)
		}
	}
}

func TestHeaderOptions(t *testing.T) {
	r, mem, at := netRun(t, "SockOps", 20)
	op := func(n uint32) { le.PutUint32(r.Ctx, n) }
	load := func(b ...byte) int64 {
		clear(mem[:16])
		copy(mem, b)
		return r.call(t, 142, r.CtxAt, at, 8, 0)
	}
	store := func(b ...byte) int64 {
		copy(mem, b)
		return r.call(t, 143, r.CtxAt, at, uint64(len(b)), 0)
	}
	if got := store(253, 4, 1, 2); got != -1 {
		t.Errorf("store in another callback: %d", got)
	}
	op(hdrOptLenCB)
	for _, test := range [][3]int64{{4, 0, 0}, {36, 0, 0}, {2, 0, -28}, {1, 0, -22}, {4, 1, -22}} {
		if got := r.call(t, 144, r.CtxAt, uint64(test[0]), uint64(test[1])); got != test[2] {
			t.Errorf("reserve %v: %d", test, got)
		}
	}
	r.ResetActions()
	op(writeHdrOptCB)
	if got := store(2, 4, 5, 6); got != 0 || r.Packet.Len() != 24 {
		t.Errorf("store: %d, %d bytes", got, r.Packet.Len())
	}
	if got := store(2, 4, 7, 7); got != -17 {
		t.Errorf("store again: %d", got)
	}
	if got := store(253, 6, 1, 2, 3, 4); got != 0 {
		t.Errorf("store experimental: %d", got)
	}
	for _, bad := range [][]byte{{1, 2}, {0, 2}, {3, 9}, {3, 0}, {253, 3, 1}} {
		if got := store(bad...); got != -22 {
			t.Errorf("store %x: %d", bad, got)
		}
	}
	if got := load(2, 0); got != 4 || mem[2] != 5 {
		t.Errorf("load: %d, %x", got, mem[:4])
	}
	if got := load(253, 4, 1, 2); got != 6 || mem[5] != 4 {
		t.Errorf("load experimental: %d, %x", got, mem[:6])
	}
	if got := load(253, 4, 1, 3); got != -42 {
		t.Errorf("load what is not there: %d", got)
	}
	for _, bad := range [][]byte{{0, 0}, {1, 0}, {2, 4}, {253, 3}, {2, 9}} {
		if got := load(bad...); got != -22 {
			t.Errorf("load %x: %d", bad, got)
		}
	}
	r.Packet.Bytes[20+1] = 0 // an option of no length
	if got := load(3, 0); got != -14 {
		t.Errorf("load from a broken list: %d", got)
	}
}

func (r *Run) kfunc(t testing.TB, i int32, args ...uint64) int64 {
	t.Helper()
	var a [5]uint64
	copy(a[:], args)
	r0, err := r.Helper(bpf.CallKfunc, i, &a)
	if err != nil {
		t.Fatal(err)
	}
	return int64(r0)
}

func TestRxMetadata(t *testing.T) {
	r, mem, at := netRun(t, "XDP", 64)
	if got := r.kfunc(t, 0, r.CtxAt, at); got != -95 {
		t.Errorf("no metadata: %d", got)
	}
	r.RxMetadata = &RxMetadata{Hash: 0x1234, HashType: 5, VLANProto: 0x8100, VLANTag: 42}
	if got := r.kfunc(t, 0, r.CtxAt, at); got != -61 {
		t.Errorf("no timestamp: %d", got)
	}
	if got := r.kfunc(t, 1, r.CtxAt, at, at+4); got != 0 || le.Uint32(mem) != 0x1234 || le.Uint32(mem[4:]) != 5 {
		t.Errorf("hash: %d, %x", got, mem[:8])
	}
	if got := r.kfunc(t, 2, r.CtxAt, at, at+2); got != 0 || be.Uint16(mem) != 0x8100 || le.Uint16(mem[2:]) != 42 {
		t.Errorf("tag: %d, %x", got, mem[:4])
	}
	r.RxMetadata.Timestamp = 1 << 40
	if got := r.kfunc(t, 0, r.CtxAt, at); got != 0 || le.Uint64(mem) != 1<<40 {
		t.Errorf("timestamp: %d, %x", got, mem[:8])
	}
}

func TestConnections(t *testing.T) {
	r, mem, at := netRun(t, "SchedCLS", 64)
	be.PutUint16(mem[10:], 80)
	opts := mem[64:]
	le.PutUint32(opts, math.MaxUint32)
	opts[ctProto] = 6
	ct := uint64(r.kfunc(t, 3, r.CtxAt, at, 12, at+64, 16))
	b, ok := r.World.Arena.Bytes(ct, 16)
	if !ok || string(b) != "a struct nf_conn" || opts[ctDir] != 1 {
		t.Errorf("%q, %x", b, opts[:16])
	}
	if got := r.kfunc(t, 4, ct); got != 0 {
		t.Errorf("release: %d", got)
	}
	if _, err := r.Helper(bpf.CallKfunc, 4, &[5]uint64{ct}); err == nil {
		t.Error("a connection is released twice")
	}
	if got := r.kfunc(t, 3, r.CtxAt, 0, 0, at+64, 16); got != 0 || int32(le.Uint32(opts[ctError:])) != -22 {
		t.Errorf("no tuple: %d, %x", got, opts[:16])
	}
	if got := r.kfunc(t, 3, r.CtxAt, at, 12, 0, 0); got != 0 {
		t.Errorf("no options: %d", got)
	}
	if got := r.kfunc(t, 3, r.CtxAt, at, 12, at+64, 3); got != 0 {
		t.Errorf("options of 3 bytes: %d", got)
	}
	if got := r.kfunc(t, 5, r.CtxAt, at, at+64, 4); got != 0 || int32(le.Uint32(opts)) != -2 {
		t.Errorf("flow: %d, %x", got, opts[:4])
	}
}

// SYN cookies are found again for three minutes, hardly, and by nobody else.
func TestSyncookie(t *testing.T) {
	r, mem, at := netRun(t, "SchedCLS", 64)
	now := uint64(0)
	r.World.Clock = func() uint64 { return now }
	listen := &host.Socket{Protocol: 6, State: host.TCPListen, Local: netip.MustParseAddrPort("127.0.0.1:80")}
	sk := r.hold(listen)
	ip, th := mem[:20], mem[20:40]
	ip[0], th[12], th[13] = 0x45, 0x50, tcpSYN
	be.PutUint32(th[4:], 1000)
	gen := func() int64 { return r.call(t, 110, sk, at, 20, at+20, 20) }
	check := func() int64 { return r.call(t, 100, sk, at, 20, at+20, 20) }
	cookie := gen()
	if cookie>>32 != 536 {
		t.Fatalf("a cookie for %d bytes", cookie>>32)
	}
	if got := check(); got != -2 {
		t.Errorf("a SYN taken for an answer: %d", got)
	}
	th[13] = tcpACK
	be.PutUint32(th[4:], 1001)
	be.PutUint32(th[8:], uint32(cookie)+1)
	for minutes, want := range []int64{0, 0, -2} {
		now = uint64(minutes) * minute
		if got := check(); got != want {
			t.Errorf("after %d minutes: %d", minutes, got)
		}
	}
	now = 0
	if got := gen(); got != -22 {
		t.Errorf("a cookie for an ACK: %d", got)
	}
	ip[15]++
	if got := check(); got != -2 {
		t.Errorf("from another address: %d", got)
	}
	ip[0] = 0x65
	if got := check(); got != -22 {
		t.Errorf("an IPv6 header for a socket of IPv4: %d", got)
	}
	ip[0] = 0x75
	if got := check(); got != -93 {
		t.Errorf("a header of version 7: %d", got)
	}
	listen.State = host.TCPEstablished
	if got := check(); got != -22 {
		t.Errorf("a socket that does not listen: %d", got)
	}
}
