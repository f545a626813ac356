package progctx

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// The names in the registry are those that cilium/ebpf prints.
func TestTypeNames(t *testing.T) {
	known := map[string]bool{TypeRaw: true, TypeClassic: true}
	for typ := ebpf.UnspecifiedProgram; typ < ebpf.Netfilter+1; typ++ {
		known[typ.String()] = true
	}
	for _, l := range layouts {
		for _, name := range l.Types {
			if !known[name] {
				t.Errorf("%s: cilium/ebpf has no program type %s", l.Name, name)
			}
		}
	}
}

func TestFor(t *testing.T) {
	for typ, want := range map[string]*Layout{"XDP": &xdpLayout, "SchedCLS": &tcLayout, "SocketFilter": &filterLayout, "SkLookup": &skLookupLayout, "Raw": &rawLayout, "Kprobe": &plainLayout, "": &plainLayout} {
		if got := For(typ); got != want {
			t.Errorf("%s gets %s, want %s", typ, got.Name, want.Name)
		}
	}
}

func TestContextSize(t *testing.T) {
	for _, test := range []struct {
		l          *Layout
		user, want int
		err        string
	}{
		{&xdpLayout, 0, 24, ""}, {&xdpLayout, 24, 24, ""}, {&xdpLayout, 25, 0, "struct xdp_md has 24"},
		{&tcLayout, 8, 192, ""}, {&rawLayout, 0, 0, ""}, {&plainLayout, 0, 512, ""}, {&plainLayout, 8, 8, ""}, {&plainLayout, 4097, 0, "at most 4096"},
	} {
		got, err := test.l.ContextSize(test.user)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s, %d bytes given: %d, %v", test.l.Name, test.user, got, err)
		}
	}
}

func TestRawArgs(t *testing.T) {
	p := &Packet{Start: 0x1000, Bytes: make([]byte, 3)}
	if r1, r2 := rawLayout.Args(0, p); r1 != 0x1000 || r2 != 3 {
		t.Errorf("data: %#x, %d", r1, r2)
	}
	if r1, r2 := rawLayout.Args(0, &Packet{Start: 0x1000}); r1 != 0 || r2 != 0 {
		t.Errorf("no data: %#x, %d", r1, r2)
	}
	if r1, r2 := rawLayout.Args(0x2000, p); r1 != 0x2000 || r2 != 0 {
		t.Errorf("context: %#x, %d", r1, r2)
	}
}

// place lays out a run of a layout's programs, as package rivet does.
func place(l *Layout, user []byte, p *Packet) (*Context, error) {
	c := new(Context)
	l.Place(c, make([]byte, MaxContext), 0x4000, l.Size)
	return c, l.Fill(c, user, p)
}

func TestPointersAreNotGiven(t *testing.T) {
	for _, l := range layouts {
		for _, f := range l.Fields {
			switch f.Name {
			case "sk", "migrating_sk", "flow_keys", "optval", "optval_end", "skb_data", "skb_data_end":
			default:
				continue
			}
			user := make([]byte, l.Size)
			user[f.Off+f.Size-1] = 1
			if l == &sockAddrLayout || l.Given == 0 {
				if _, err := place(l, user, room(t, "", 0)); err == nil {
					t.Errorf("%v: a context with its own %s is accepted", l.Types, f.Name)
				}
			}
		}
	}
}

// Offsets that helpers and others use are those of the structs.
func TestOffsets(t *testing.T) {
	for name, off := range map[string]int{"len": SkbLen, "pkt_type": SkbPktType, "mark": SkbMark, "queue_mapping": SkbQueue, "protocol": SkbProtocol,
		"vlan_present": SkbVLANPresent, "vlan_tci": SkbVLANTCI, "vlan_proto": SkbVLANProto, "ifindex": SkbIfindex, "hash": SkbHash, "gso_segs": SkbGSOSegs,
		"sk": SkbSk, "gso_size": SkbGSOSize, "data": skbData, "data_end": skbDataEnd, "family": skbFamily, "data_meta": skbDataMeta,
		"flow_keys": skbFlowKeys, "wire_len": skbWireLen} {
		if got := skbFields.at(name); got != off {
			t.Errorf("struct __sk_buff: %s is at %d, not %d", name, got, off)
		}
	}
	for name, off := range map[string]int{"family": sockFamily, "src_ip4": sockSrcIP4, "src_ip6": sockSrcIP6, "src_port": sockSrcPort, "dst_port": sockDstPort,
		"dst_ip4": sockDstIP4, "dst_ip6": sockDstIP6, "state": sockState, "rx_queue_mapping": sockQueue} {
		if got := sockFields.at(name); got != off {
			t.Errorf("struct bpf_sock: %s is at %d, not %d", name, got, off)
		}
	}
	if flowKeys.at("n_proto") != keysNProto || flowKeys.at("flags") != keysFlags || flowKeys.size(4) != keysSize || skbFields.size(8) != skbSize || sockFields.size(4) != sockSize {
		t.Error("sizes of structs")
	}
}

// Sizes of the structs, as a C compiler has them.
func TestSizes(t *testing.T) {
	for l, want := range map[*Layout]int{&sockAddrLayout: 72, &sockOpsLayout: 224, &sockoptLayout: 40, &sysctlLayout: 8, &deviceLayout: 12, &skMsgLayout: 80,
		&reuseportLayout: 56, &skLookupLayout: 72} {
		if l.Size != want {
			t.Errorf("%s has %d bytes, not %d", l.Name, l.Size, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct {
		l         *Layout
		off, size int
		write     bool
		want      string
	}{
		{&xdpLayout, 4, 4, true, "write to read-only field data_end of struct xdp_md"},
		{&xdpLayout, 4, 4, false, ""},
		{&xdpLayout, 24, 4, false, "no field is there"},
		{&xdpLayout, -4, 4, false, "no field is there"},
		{&xdpLayout, 0, 8, false, "beyond field data"},
		{&tcLayout, SkbMark, 4, true, ""},
		{&tcLayout, 48, 8, true, ""},
		{&tcLayout, 64, 8, true, "beyond field cb"},
		{&tcLayout, skbFamily, 4, false, "field family of struct __sk_buff, which programs of this type do not have"},
		{&skSkbLayout, skbFamily, 4, false, ""},
		{&filterLayout, SkbMark, 4, true, "read-only field mark"},
		{&filterLayout, SkbMark, 4, false, ""},
		{&flowLayout, SkbMark, 4, false, "do not have"},
		{&flowLayout, skbFlowKeys, 8, false, ""},
		{&tcLayout, 181, 1, false, "no field is there"},
		{&plainLayout, 400, 8, true, ""},
	} {
		got := test.l.Refuse(test.off, test.size, test.write)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%v at %d, %d bytes, write %v: %q", test.l.Types, test.off, test.size, test.write, got)
		}
	}
}
