package migrate

import (
	"bytes"
	"testing"

	"github.com/cilium/ebpf/rlimit"
)

func TestDrop(t *testing.T) {
	setup(t)
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Fatal(err)
	}
	var objs limiterObjects
	if err := loadLimiterObjects(&objs, nil); err != nil {
		t.Fatal(err)
	}
	defer objs.Close()
	in := packet(1, 17)
	for i, want := range []uint32{2, 2, 1} { // XDP_PASS, XDP_PASS, XDP_DROP
		got, out, err := objs.Limiter.Test(in)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("packet %d: verdict %d, want %d", i, got, want)
		}
		if !bytes.Equal(in, out) {
			t.Errorf("packet %d: is %x, want %x", i, out, in)
		}
	}
	var values []uint64
	if err := objs.Total.Lookup(uint32(0), &values); err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, v := range values {
		sum += v
	}
	if sum != 3 {
		t.Errorf("the total is %d, want 3", sum)
	}
}
