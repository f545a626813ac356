package helpers

import (
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/maps"
)

// What a guest writes into the 16 bytes of a dynptr gets it nowhere but into its own memory.
func TestForgedDynptrs(t *testing.T) {
	run, mem, at := world(t, nil)
	end := run.World.Arena.Base() + run.World.Arena.Size()
	const local, ring, skb, xdp = 1 << 28, 2 << 28, 3 << 28, 4 << 28
	for _, test := range []struct {
		d    dynptr
		want string // of a read of 8 bytes; "" where it succeeds
		ret  uint64
	}{
		{dynptr{at, local | 8, 0}, "", 0},
		{dynptr{at, local | 8, 8}, "", 0},
		{dynptr{at, ring | 8, 0}, "", 0},
		{dynptr{0, local | 8, 0}, "", maps.Guest(maps.EINVAL)},
		{dynptr{at, local | 7, 0}, "", maps.Guest(maps.E2BIG)},
		{dynptr{end - 8, local | 8, 0}, "", 0},
		{dynptr{end - 7, local | 8, 0}, "outside guest memory", 0},
		{dynptr{at, local | 8, 1 << 31}, "outside guest memory", 0},
		{dynptr{^uint64(0), local | 8, 1}, "outside guest memory", 0},
		{dynptr{^uint64(0) - 7, local | 8, 1<<32 - 1}, "outside guest memory", 0},
		{dynptr{at, skb | 8, 0}, "a packet that the program does not have", 0},
		{dynptr{at, xdp | 8, 0}, "a packet that the program does not have", 0},
		{dynptr{at, 8, 0}, "no dynptr (kind 0)", 0},
		{dynptr{at, 7<<28 | 8, 0}, "no dynptr (kind 7)", 0},
	} {
		test.d.put(mem[64:])
		r0, err := run.Helper(bpf.CallHelper, 201, &[5]uint64{at + 96, 8, at + 64, 0, 0})
		switch {
		case test.want == "" && (err != nil || r0 != test.ret), test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v: %#x, %v; want %q, %#x", test.d, r0, err, test.want, test.ret)
		}
	}
	dynptr{at, local | 8, 0}.put(mem[64:])
	if _, err := run.Helper(bpf.CallHelper, 199, &[5]uint64{at + 64, 0}); err == nil || !strings.Contains(err.Error(), "not a dynptr of ringbuf_reserve_dynptr") {
		t.Errorf("submit of memory: %v", err)
	}
	dynptr{at, ring | 8, 0}.put(mem[64:])
	if _, err := run.Helper(bpf.CallHelper, 199, &[5]uint64{at + 64, 0}); err == nil || !strings.Contains(err.Error(), "not a record that this run has reserved") {
		t.Errorf("submit of a forged record: %v", err)
	}
}
