package btfjson

import (
	"bytes"
	"cmp"
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

// PerCPU writes the values of all processors, size bytes each and rounded up to 8, as an array.
func PerCPU(t btf.Type, values []byte, size int) []byte {
	dst := []byte{'['}
	for stride := (size + 7) &^ 7; len(values) >= stride; values = values[stride:] {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, Value(t, values[:size])...)
	}
	return append(dst, ']')
}

// CompareKeys orders keys for people: those that may be numbers as such, others byte by byte.
func CompareKeys(a, b []byte) int {
	if len(a) <= 8 && len(a) == len(b) {
		return cmp.Compare(number(a), number(b))
	}
	return bytes.Compare(a, b)
}

// sizeIs guards against objects whose BTF contradicts their map definitions.
func sizeIs(t btf.Type, n int) bool {
	size, err := btf.Sizeof(t)
	return err == nil && size == n
}
