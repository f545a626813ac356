package btfjson

import (
	"encoding/binary"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// Key writes the key of a map's entry. Without a type that fits, four bytes are
// a number, which is what they are in arrays.
func Key(t btf.Type, key []byte) []byte {
	if t != nil && sizeIs(t, len(key)) {
		return Append(nil, t, key)
	}
	if len(key) == 4 {
		return strconv.AppendUint(nil, uint64(binary.LittleEndian.Uint32(key)), 10)
	}
	return Append(nil, nil, key)
}

// Value writes the value of a map's entry.
func Value(t btf.Type, value []byte) []byte {
	if t != nil && sizeIs(t, len(value)) {
		return Append(nil, t, value)
	}
	return Append(nil, nil, value)
}

// sizeIs guards against objects whose BTF contradicts their map definitions.
func sizeIs(t btf.Type, n int) bool {
	size, err := btf.Sizeof(t)
	return err == nil && size == n
}
