package interp

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// These read and write the arena at an offset that has been compared with its
// size; the arena's slack makes the comparison of the first byte enough. Byte
// arrays, because an address may have any alignment; the compiler makes one
// machine instruction of each where the host allows that.

func m8(mem unsafe.Pointer, off uint64) *uint8 { return (*uint8)(unsafe.Add(mem, off)) }

func ld16(mem unsafe.Pointer, off uint64) uint16 {
	return binary.LittleEndian.Uint16((*[2]byte)(unsafe.Add(mem, off))[:])
}

func ld32(mem unsafe.Pointer, off uint64) uint32 {
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(mem, off))[:])
}

func ld64(mem unsafe.Pointer, off uint64) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(mem, off))[:])
}

func st16(mem unsafe.Pointer, off, v uint64) {
	binary.LittleEndian.PutUint16((*[2]byte)(unsafe.Add(mem, off))[:], uint16(v))
}

func st32(mem unsafe.Pointer, off, v uint64) {
	binary.LittleEndian.PutUint32((*[4]byte)(unsafe.Add(mem, off))[:], uint32(v))
}

func st64(mem unsafe.Pointer, off, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(mem, off))[:], v)
}

// Division by zero gives 0, its remainder the dividend; the least integer
// divided by -1 gives itself, remainder 0 (RFC 9669, section 4.1).

func udiv64(a, b uint64) uint64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func umod64(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

func sdiv64(a, b uint64) uint64 {
	switch {
	case b == 0:
		return 0
	case int64(a) == math.MinInt64 && int64(b) == -1:
		return a
	}
	return uint64(int64(a) / int64(b))
}

func smod64(a, b uint64) uint64 {
	switch {
	case b == 0:
		return a
	case int64(b) == -1:
		return 0
	}
	return uint64(int64(a) % int64(b))
}

func udiv32(a, b uint32) uint32 {
	if b == 0 {
		return 0
	}
	return a / b
}

func umod32(a, b uint32) uint32 {
	if b == 0 {
		return a
	}
	return a % b
}

func sdiv32(a, b uint32) uint32 {
	switch {
	case b == 0:
		return 0
	case int32(a) == math.MinInt32 && int32(b) == -1:
		return a
	}
	return uint32(int32(a) / int32(b))
}

func smod32(a, b uint32) uint32 {
	switch {
	case b == 0:
		return a
	case int32(b) == -1:
		return 0
	}
	return uint32(int32(a) % int32(b))
}
