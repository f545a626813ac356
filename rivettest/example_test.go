package rivettest_test

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/rivettest"
)

// Packets that differ are compared layer by layer.
func ExampleDiffPackets() {
	want := []byte{
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, // Ethernet
		0x45, 0, 0, 24, 0, 0, 0, 0, 64, 253, 0x66, 0xe0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
		1, 2, 3, 4,
	}
	got := slices.Clone(want)
	got[22]-- // the time to live
	got[33] = 3
	fmt.Print(rivettest.DiffPackets(want, got))
	// Output:
	// - IPv4.TTL: 64
	//   + IPv4.TTL: 63
	//   - IPv4.DstIP: 10.0.0.2
	//   + IPv4.DstIP: 10.0.0.3
}
