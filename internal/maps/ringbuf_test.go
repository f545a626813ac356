package maps

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

func TestRingDefinitions(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.RingBuf, ebpf.UserRingbuf} {
		for _, test := range []struct {
			d    bpf.Map
			want string
		}{
			{bpf.Map{MaxEntries: 4096}, ""},
			{bpf.Map{MaxEntries: 1 << 31}, ""},
			{bpf.Map{MaxEntries: 4096, Flags: FNumaNode}, ""},
			{bpf.Map{MaxEntries: 0}, "max_entries is 0"},
			{bpf.Map{MaxEntries: 2048}, "max_entries is 2048"},
			{bpf.Map{MaxEntries: 3 * 4096}, "must be a power of two and a multiple of 4096"},
			{bpf.Map{MaxEntries: 4096, KeySize: 4}, "key size is 4"},
			{bpf.Map{MaxEntries: 4096, ValueSize: 8}, "value size 8"},
			{bpf.Map{MaxEntries: 4096, Flags: FRdonlyProg}, "unknown flags 0x80"},
		} {
			test.d.Type, test.d.Name = uint32(typ), "r"
			err := Check([]*bpf.Map{&test.d})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v %+v: %v, want %q", typ, test.d, err, test.want)
			}
		}
	}
}

func ringOf(t *testing.T, size uint32) *RingBuf {
	t.Helper()
	m, _, _ := make1(t, &bpf.Map{Name: "r", Type: uint32(ebpf.RingBuf), MaxEntries: size})
	return m.Map.(*RingBuf)
}

// Records are seen in the order in which they were reserved, each when all before it are committed.
func TestRingOrder(t *testing.T) {
	r := ringOf(t, 4096)
	var at [3]uint64
	for i := range at {
		at[i] = r.Reserve(uint64(i + 1))
		copy(r.Record(at[i]), "abc")
	}
	see := func(want string, state RingState) {
		t.Helper()
		b, _, s := r.Next(nil)
		if string(b) != want || s != state {
			t.Errorf("next is %q, %d; want %q, %d", b, s, want, state)
		}
	}
	see("", RingWait)
	r.Commit(at[2], 0, false)
	r.Commit(at[1], 0, true)
	see("", RingWait)
	r.Commit(at[0], 0, false)
	see("a", RingRecord)
	see("abc", RingRecord)
	see("", RingEmpty)
}

// A record that stays BUSY limits what can be reserved, as if nothing behind it had been read.
func TestRingPending(t *testing.T) {
	r := ringOf(t, 4096)
	first := r.Reserve(8)
	n := 0
	for r.Output(make([]byte, 1000), 0) == nil {
		n++
	}
	if n != 4 { // 16 and four times 1008 of 4095
		t.Errorf("%d records fit behind one", n)
	}
	r.Commit(first, 0, true)
	for range n {
		if b, _, s := r.Next(nil); s != RingRecord || len(b) != 1000 {
			t.Fatalf("%d bytes, %d", len(b), s)
		}
	}
	if r.Available() != 0 || r.Query(ringConsPos) != 16+4*1008 || r.Query(ringConsPos) != r.Query(ringProdPos) {
		t.Errorf("%d bytes left, positions %d and %d", r.Available(), r.Query(ringConsPos), r.Query(ringProdPos))
	}
}

// Every length at every place of the ring arrives as it was sent.
func TestRingWraps(t *testing.T) {
	r := ringOf(t, 4096)
	sent := make([]byte, 4080)
	for i := range sent {
		sent[i] = byte(i * 7)
	}
	var buf []byte
	for n := range 4081 {
		if err := r.Output(sent[:n], 0); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		var s RingState
		if buf, _, s = r.Next(buf); s != RingRecord || string(buf) != string(sent[:n]) {
			t.Fatalf("%d bytes became %d, %d", n, len(buf), s)
		}
	}
	if r.Output(sent, 0) != nil || r.Output(nil, 4) != EINVAL {
		t.Error("a record of 4080 bytes, or flags of 4")
	}
	if err := r.Output(nil, 0); err != EAGAIN { // the ring is never filled to the last byte
		t.Errorf("one more gives %v", err)
	}
}
