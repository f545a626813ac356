package progctx

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// The names in the registry are those that cilium/ebpf prints.
func TestTypeNames(t *testing.T) {
	known := map[string]bool{TypeRaw: true}
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
	for typ, want := range map[string]*Layout{"XDP": &xdpLayout, "SchedCLS": &skbLayout, "SocketFilter": &skbLayout, "Raw": &rawLayout, "Kprobe": &plainLayout, "": &plainLayout} {
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
		{&skbLayout, 8, 192, ""}, {&rawLayout, 0, 0, ""}, {&plainLayout, 0, 512, ""}, {&plainLayout, 8, 8, ""}, {&plainLayout, 4097, 0, "at most 4096"},
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

func TestSkbRefusesPointers(t *testing.T) {
	for _, off := range []int{skbLen, skbData, skbDataEnd, skbDataMeta, skbFlowKeys + 7, skbSk} {
		user := make([]byte, skbSize)
		user[off] = 1
		if err := skbPrepare(make([]byte, skbSize), user, &Packet{}); err == nil {
			t.Errorf("a context with byte %d set is accepted", off)
		}
	}
}
