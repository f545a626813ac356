package arena

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	if err := checkHost(binary.LittleEndian); err != nil {
		t.Error(err)
	}
	err := checkHost(binary.BigEndian)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "the host is big-endian") {
		t.Errorf("big-endian host: %v", err)
	}
	if _, err := New(64); (err == nil) != (checkHost(binary.NativeEndian) == nil) {
		t.Errorf("New on this host: %v", err)
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct{ ask, get uint64 }{{0, 0}, {1, 64}, {64, 64}, {65, 128}, {MaxSize + 1, 0}, {^uint64(0), 0}, {^uint64(0) - 63, 0}} {
		a, err := New(c.ask)
		switch {
		case c.get == 0 && err == nil:
			t.Errorf("New(%d) made %d bytes", c.ask, a.Size())
		case c.get != 0 && (err != nil || a.Size() != c.get || uint64(len(a.Mem())) != c.get+Slack):
			t.Errorf("New(%d): %v", c.ask, err)
		}
	}
}

func TestBytes(t *testing.T) {
	a, err := New(128)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr, n uint64
		ok      bool
	}{
		{Base, 128, true}, {Base, 0, true}, {Base + 127, 1, true}, {Base + 120, 8, true},
		{Base + 127, 2, false}, {Base + 128, 0, false}, {Base, 129, false}, {Base - 1, 1, false}, {0, 1, false}, {Base + 64, ^uint64(0), false},
	} {
		b, ok := a.Bytes(c.addr, c.n)
		if ok != c.ok || ok && (uint64(len(b)) != c.n || uint64(cap(b)) != c.n) {
			t.Errorf("Bytes(%#x, %d) = %d bytes, %v", c.addr, c.n, len(b), ok)
		}
	}
}

// TestAlloc checks that objects are aligned, zeroed and apart, and that what is
// given back is used again.
func TestAlloc(t *testing.T) {
	a, err := New(4096)
	if err != nil {
		t.Fatal(err)
	}
	owner := map[uint64]uint64{}
	for _, n := range []uint64{0, 1, 7, 8, 9, 63, 64, 65, 512} {
		addr, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		align := uint64(8)
		if n >= 64 {
			align = 64
		}
		if addr%align != 0 || addr == Base {
			t.Errorf("Alloc(%d) = %#x", n, addr)
		}
		for i := range max(n, 1) {
			if was, taken := owner[addr+i]; taken {
				t.Fatalf("Alloc(%d) = %#x lies in the object of %d bytes", n, addr, was)
			}
			owner[addr+i] = n
		}
		b, _ := a.Bytes(addr, n)
		copy(b, bytes.Repeat([]byte{0xff}, int(n)))
		a.Free(addr, n)
		again, err := a.Alloc(n)
		if err != nil || again != addr || !bytes.Equal(b, make([]byte, n)) {
			t.Errorf("Alloc(%d) again = %#x, %v: % x", n, again, err, b)
		}
	}
	if _, err := a.Alloc(4096); err == nil {
		t.Error("more was allocated than there is")
	}
	if _, err := a.Alloc(^uint64(0)); err == nil {
		t.Error("2^64-1 bytes were allocated")
	}
}
