package rivet_test

import (
	"bytes"
	"encoding/binary"
)

// frame is n bytes behind an Ethernet header.
func frame(dst byte, ethertype uint16, n int) []byte {
	b := bytes.Repeat([]byte{dst}, 6)
	b = append(b, 2, 0, 0, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, ethertype)
	return append(b, bytes.Repeat([]byte{0xff}, n)...)
}
