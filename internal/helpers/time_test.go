package helpers

import (
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// One clock drives all, each as its doc comment says.
func TestClocksFollowOne(t *testing.T) {
	run, _, _ := world(t, nil)
	now := uint64(10_123_456_789)
	run.World.SetClock(func() uint64 { return now })
	for id, want := range map[int32]uint64{
		5: now, 125: now, 208: now, 160: 10_120_000_000, 118: 1<<32 - 75000 + 2530,
	} {
		if got, err := run.Helper(bpf.CallHelper, id, &[5]uint64{}); err != nil || got != want {
			t.Errorf("helper %d gives %d, %v; want %d", id, got, err, want)
		}
	}
}

// A processor that there is not has no copy of a variable.
func TestPerCPUPtr(t *testing.T) {
	run, _, _ := world(t, nil)
	for cpu, want := range map[uint64]uint64{0: 0x1234, 1: 0x1234, 2: 0, 1<<32 + 1: 0x1234, 1<<32 - 1: 0} {
		if got, err := run.Helper(bpf.CallHelper, 153, &[5]uint64{0x1234, cpu}); err != nil || got != want {
			t.Errorf("processor %#x: %#x, %v; want %#x", cpu, got, err, want)
		}
	}
	if got, err := run.Helper(bpf.CallHelper, 154, &[5]uint64{0x1234}); err != nil || got != 0x1234 {
		t.Errorf("this processor: %#x, %v", got, err)
	}
}
