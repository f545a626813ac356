package rivettest_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
	"github.com/rivetbpf/rivet/rivettest"
)

type flow struct{ Packets, Bytes uint32 }

type event struct {
	Source   [4]byte
	TTL      uint8
	Protocol uint8
	Length   uint16
}

func udp(t testing.TB, ttl uint8) []byte {
	return rivettest.Packet(t,
		&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: ttl, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}},
		&layers.UDP{SrcPort: 40000, DstPort: 40001},
		gopacket.Payload("long enough for Ethernet"))
}

func TestForward(t *testing.T) {
	rivettest.Engines(t, func(t *testing.T, engine rivet.Engine) {
		coll := rivettest.Load(t, "testdata/kit.o", rivet.CollectionOptions{Engine: engine})
		forward := coll.Programs["forward"]
		for range 2 {
			rivettest.Run(t, forward, udp(t, 64)).ExpectVerdict(t, "XDP_TX").ExpectPacket(t, udp(t, 63))
		}
		rivettest.Run(t, forward, udp(t, 1)).ExpectVerdict(t, "XDP_DROP").ExpectSamePacket(t)
		rivettest.RunWith(t, forward, &rivet.RunOptions{Data: make([]byte, 64)}).ExpectVerdict(t, "XDP_PASS")

		source, n := [4]byte{10, 0, 0, 1}, uint16(len(udp(t, 1)))
		rivettest.ExpectValue(t, coll.Maps["flows"], source, flow{2, 2 * uint32(n)})
		rivettest.ExpectEntries(t, coll.Maps["flows"], map[[4]byte]flow{source: {2, 2 * uint32(n)}})
		rivettest.ExpectMissing(t, coll.Maps["flows"], [4]byte{10, 0, 0, 2})
		rivettest.ExpectSum(t, coll.Maps["seen"], uint32(0), uint64(4))
		rivettest.ExpectSum(t, coll.Maps["seen"], uint32(1), uint64(3))
		if all := rivettest.Entries[uint32, []uint64](t, coll.Maps["seen"]); len(all) != 4 {
			t.Errorf("the array has %d entries", len(all))
		}
		if f := rivettest.Value[flow](t, coll.Maps["flows"], source); f.Packets != 2 {
			t.Errorf("flow %+v", f)
		}
		if n := rivettest.Variable[uint64](t, coll, "expired"); n != 1 {
			t.Errorf("%d packets expired", n)
		}
		rivettest.ExpectRecords(t, coll.Maps["events"], event{source, 1, 17, n})
		rivettest.ExpectRecords[event](t, coll.Maps["events"])
		if f := rivettest.RunFault(t, coll.Programs["wild"], nil); f.Kind != rivet.FaultAccess {
			t.Errorf("fault %v", f)
		}
	})
}

// Structs of programs are closed with the test, too.
func TestLoadAndAssign(t *testing.T) {
	var objs struct {
		Forward *rivet.Program `ebpf:"forward"`
	}
	t.Run("load", func(t *testing.T) {
		spec, err := rivet.LoadCollectionSpec("testdata/kit.o")
		if err != nil {
			t.Fatal(err)
		}
		rivettest.LoadAndAssign(t, spec, &objs)
		rivettest.Run(t, objs.Forward, udp(t, 2)).ExpectVerdict(t, "XDP_TX")
	})
	if _, err := objs.Forward.Run(nil); err == nil {
		t.Error("the program outlives its test")
	}
}

// recorder is a test that fails without harm.
type recorder struct {
	testing.TB
	log []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.log = append(r.log, fmt.Sprintf(f, a...)) }
func (r *recorder) Log(a ...any)              { r.log = append(r.log, fmt.Sprint(a...)) }

// Every expectation that is not met says what was there and what was wanted.
func TestExpectationsFail(t *testing.T) {
	r := &recorder{TB: t}
	coll := rivettest.Load(r, "testdata/kit.o", rivet.CollectionOptions{Engine: rivet.EngineInterp})
	forward, flows, source := coll.Programs["forward"], coll.Maps["flows"], [4]byte{10, 0, 0, 1}
	for _, c := range []struct {
		name string
		do   func()
		want []string // pieces of the message
	}{
		{"verdict", func() { rivettest.Run(r, forward, udp(t, 64)).ExpectVerdict(r, "XDP_PASS") },
			[]string{"program forward: verdict XDP_TX, want XDP_PASS, for 66 bytes, Ethernet/IPv4/UDP", "10.0.0.1->10.0.0.2"}},
		{"packet", func() { rivettest.Run(r, forward, udp(t, 64)).ExpectSamePacket(r) },
			[]string{"- IPv4.TTL: 64\n", "+ IPv4.TTL: 63\n", "- IPv4.Checksum: ", "+ IPv4.Checksum: "}},
		{"value", func() { rivettest.ExpectValue(r, flows, source, flow{7, 132}) }, []string{"map flows, key [10 0 0 1]", "7", "2"}},
		{"no value", func() { rivettest.ExpectValue(r, flows, uint32(1), flow{}) }, []string{"key does not exist"}},
		{"missing", func() { rivettest.ExpectMissing(r, flows, source) }, []string{"must be missing, has 02000000"}},
		{"entries", func() { rivettest.ExpectEntries(r, flows, map[[4]byte]flow{}) }, []string{"map flows", "Packets: 2"}},
		{"sum", func() { rivettest.ExpectSum(r, coll.Maps["seen"], uint32(0), uint64(9)) }, []string{"have 2 together, want 9"}},
		{"printk", func() { rivettest.Run(r, forward, udp(t, 1)) }, []string{"expired: 66 bytes"}},
		{"trace", func() { rivettest.RunTraced(r, forward, &rivet.RunOptions{Data: udp(t, 64)}) },
			[]string{"entry", "forward", "map_lookup_elem", "exit", "r0 = 0x3", "kit.c:74"}},
		{"records", func() { rivettest.ExpectRecords(r, coll.Maps["events"], event{}) }, []string{"records of events", "TTL"}},
	} {
		r.log = nil
		c.do()
		if len(r.log) != 1 {
			t.Errorf("%s: %d messages: %q", c.name, len(r.log), r.log)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(r.log[0], want) {
				t.Errorf("%s: the message lacks %q:\n%s", c.name, want, r.log[0])
			}
		}
	}
}

func TestDiffPackets(t *testing.T) {
	plain := udp(t, 64)
	if d := rivettest.DiffPackets(plain, slices.Clone(plain)); d != "" {
		t.Errorf("equal packets differ: %s", d)
	}
	tagged := slices.Concat(plain[:12], []byte{0x81, 0, 0, 5}, plain[12:])
	payload := slices.Clone(plain)
	payload[len(payload)-1] ^= 1
	for name, c := range map[string]struct {
		got  []byte
		want []string
	}{
		"tag":     {tagged, []string{"+ Dot1Q", "VLANIdentifier=5", "- Ethernet.EthernetType: IPv4", "- length: 66", "+ length: 70"}},
		"payload": {payload, []string{"- Payload from byte 0x10 on: ", "+ Payload from byte 0x10 on: "}},
		"cut":     {plain[:20], []string{"- length: 66", "+ length: 20"}},
		"empty":   {nil, []string{"- length: 66", "+ length: 0"}},
		"padding": {append(slices.Clone(plain), 0, 0), []string{"+ length: 68"}},
	} {
		d := rivettest.DiffPackets(plain, c.got)
		for _, want := range c.want {
			if !strings.Contains(d, want) {
				t.Errorf("%s: the difference lacks %q:\n%s", name, want, d)
			}
		}
	}
}

// The profile is one that go tool cover reads, and has what was executed and what was not.
func TestCoverage(t *testing.T) {
	tool := testenv.NeedTool(t, "go")
	dir := t.TempDir()
	profile, functions := filepath.Join(dir, "cover.out"), filepath.Join(dir, "functions")
	out, err := exec.Command(os.Args[0], "-test.run", "TestForward|TestLoadAndAssign", "-rivet.coverprofile", profile, "-rivet.coverfunc", functions).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/kit.c")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]string{}
	lines := strings.Split(string(source), "\n")
	for _, m := range regexp.MustCompile(`(?m)^.*/kit\.c:(\d+)\.\d+,\d+\.\d+ 1 (\d+)$`).FindAllStringSubmatch(string(text), -1) {
		var n int
		fmt.Sscan(m[1], &n)
		counts[strings.TrimSpace(lines[n-1])] = m[2]
	}
	// The interpreter's run of TestForward, and TestLoadAndAssign, are added up.
	for line, want := range map[string]string{"count(0);": "", "expired++;": "1", "ip->ttl--;": "3", "return XDP_ABORTED;": "0"} {
		got, ok := counts[line]
		if want == "" || line == "return XDP_ABORTED;" && !ok {
			continue // the compiler may have merged it with another
		}
		if got != want {
			t.Errorf("%s was executed %q times, want %s", line, got, want)
		}
	}
	table, err := os.ReadFile(functions)
	if err != nil || !regexp.MustCompile(`testdata/kit\.c:\d+:\s+forward\s+\d+\.\d%\n`).Match(table) || !strings.Contains(string(table), "total:") {
		t.Errorf("functions: %v\n%s", err, table)
	}
	page := filepath.Join(dir, "page.html")
	if out, err := exec.Command(tool, "tool", "cover", "-html", profile, "-o", page).CombinedOutput(); err != nil {
		t.Fatalf("go tool cover: %v\n%s", err, out)
	}
	html, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(html), `title="3">ip-&gt;ttl--`) {
		t.Errorf("the page does not show the count of ip->ttl--: %v", err)
	}
}
