//go:build !(linux || darwin) || race

package arena

// Most is how much memory may be asked for only because somebody may need it one day: what nobody touches is
// Go's all the same, and counts as used.
const Most = 256 << 20

// newMem returns n zeroed bytes, aligned to 8. They are Go's everywhere but on
// Unix, and under the race detector, which sees no other memory.
func newMem(n uint64) (mem []byte, own func(*Arena), err error) { return heapMem(n), nil, nil }
