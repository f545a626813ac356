package arena

import "unsafe"

// heapMem returns n zeroed bytes, aligned to 8 for atomics, that are Go's.
func heapMem(n uint64) []byte {
	words := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
}
