package rivet_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// Helpers keep the sum of a packet that was summed up as Linux does, or forget to as Linux does.
func TestSumsAsInKernel(t *testing.T) {
	testenv.NeedBPF(t)
	values := [][]uint64{
		{0, 14, 15, 24, 26, 40, 41, 60}, {0, 1, 4, 7, 8, 0x0008, 0xdd86, 0x00810005, 0x1234}, {0, 1, 2, 3, 4, 16, 0x4321}, {0, 2, 4, 16, 20, 0x84, 0x24},
	}
	for _, object := range []string{"pkt_store", "pkt_l3csum", "pkt_l4csum", "pkt_csumlevel", "pkt_proto", "pkt_vlan", "pkt_tail"} {
		s, err := ebpf.LoadCollectionSpec("testdata/world/" + object + ".o")
		if err != nil {
			t.Fatal(err)
		}
		k, err := ebpf.NewCollection(s.Copy())
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		c := load(t, s, rivet.CollectionOptions{})
		r := rand.New(rand.NewPCG(9, 9))
		bad := 0
		for i := range 400 {
			packet := frame(0, []uint16{0x0800, 0x86dd}[i%2], 66)
			for j := range 66 {
				packet[14+j] = byte(r.Uint32())
			}
			var args []uint64
			for j := range uint32(4) {
				args = append(args, values[j][r.IntN(len(values[j]))])
				if err := errors.Join(k.Maps["args"].Put(j, args[j]), c.Maps["args"].Put(j, args[j])); err != nil {
					t.Fatal(err)
				}
			}
			ko := &ebpf.RunOptions{Data: packet, DataOut: make([]byte, 300), Flags: rivet.TestSumComplete}
			ro := &rivet.RunOptions{Data: packet, DataOut: make([]byte, 300), Flags: rivet.TestSumComplete}
			kret, kerr := k.Programs["cls"].Run(ko)
			ret, err := c.Programs["cls"].Run(ro)
			if errors.Is(kerr, syscall.EBADMSG) != errors.Is(err, syscall.EBADMSG) || kerr == nil && (err != nil || ret != kret || !bytes.Equal(ro.DataOut, ko.DataOut)) {
				t.Fatalf("%s%#x on % x: %d, %v, % x; in the kernel %d, %v, % x", object, args, packet, ret, err, ro.DataOut, kret, kerr, ko.DataOut)
			}
			if err != nil {
				bad++
			}
			for note := range uint32(16) {
				var a, b uint64
				if err := errors.Join(c.Maps["notes"].Lookup(note, &a), k.Maps["notes"].Lookup(note, &b)); err != nil || a != b {
					t.Fatalf("%s%#x on % x: note %d is %#x, in the kernel %#x; %v", object, args, packet, note, a, b, err)
				}
			}
		}
		t.Logf("%s: %d of 400 sums are wrong afterwards, here and in the kernel", object, bad)
	}
	if _, err := load(t, spec(t, "basic"), rivet.CollectionOptions{}).Programs["fields"].Run(&rivet.RunOptions{Flags: rivet.TestSumComplete}); !errors.Is(err, rivet.ErrNotSupported) {
		t.Errorf("an XDP program: %v", err)
	}
}
