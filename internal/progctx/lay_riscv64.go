package progctx

import "unsafe"

// lay copies data to dst, which is as long. A packet begins at an address that is 2 modulo 4, the caller's data
// mostly at a multiple of 8, and RISC-V need not have loads and stores that are not aligned: Go's copy goes
// byte by byte then. This makes each aligned word of dst of two of data.
func lay(dst, data []byte) {
	n := uintptr(min(len(dst), len(data)))
	to, from := unsafe.Pointer(unsafe.SliceData(dst)), unsafe.Pointer(unsafe.SliceData(data))
	head := -uintptr(to) % 8 // bytes before the first aligned word of dst
	low := (uintptr(from) + head) % 8
	if low == 0 || low > head || n < layFrom { // aligned alike, or a word that begins before data
		copy(dst, data)
		return
	}
	for end := unsafe.Add(to, head); to != end; to, from = unsafe.Add(to, 1), unsafe.Add(from, 1) {
		*(*byte)(to) = *(*byte)(from)
	}
	n -= head
	words := unsafe.Add(from, -int(low))
	word := *(*uint64)(words) >> (8 * low % 64)
	for ; n+low >= 16; n -= 8 { // the next word is data's to its end
		words = unsafe.Add(words, 8)
		next := *(*uint64)(words)
		*(*uint64)(to) = word | next<<((64-8*low)%64)
		word, to = next>>(8*low%64), unsafe.Add(to, 8)
	}
	from = unsafe.Add(words, low)
	for ; n != 0; n-- {
		*(*byte)(to) = *(*byte)(from)
		to, from = unsafe.Add(to, 1), unsafe.Add(from, 1)
	}
}
