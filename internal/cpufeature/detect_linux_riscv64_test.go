package cpufeature

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestConstants compares with the kernel's header, as package unix has it.
func TestConstants(t *testing.T) {
	want := map[string]uint64{"zba": unix.RISCV_HWPROBE_EXT_ZBA, "zbb": unix.RISCV_HWPROBE_EXT_ZBB,
		"zbs": unix.RISCV_HWPROBE_EXT_ZBS, "zicond": unix.RISCV_HWPROBE_EXT_ZICOND, "zacas": unix.RISCV_HWPROBE_EXT_ZACAS}
	for _, e := range extensions {
		if e.bit != want[e.name] {
			t.Errorf("%s: bit %#x, want %#x", e.name, e.bit, want[e.name])
		}
	}
	if keyBase != unix.RISCV_HWPROBE_KEY_BASE_BEHAVIOR || keyExt != unix.RISCV_HWPROBE_KEY_IMA_EXT_0 || keyPerf != unix.RISCV_HWPROBE_KEY_CPUPERF_0 ||
		extFD != unix.RISCV_HWPROBE_IMA_FD || extC != unix.RISCV_HWPROBE_IMA_C || misalignedMask != unix.RISCV_HWPROBE_MISALIGNED_MASK {
		t.Error("a key or a bit differs")
	}
	for how, word := range map[int]string{unix.RISCV_HWPROBE_MISALIGNED_EMULATED: "emulated", unix.RISCV_HWPROBE_MISALIGNED_SLOW: "slow",
		unix.RISCV_HWPROBE_MISALIGNED_FAST: "fast", unix.RISCV_HWPROBE_MISALIGNED_UNSUPPORTED: "unsupported"} {
		if misaligned[how] != word {
			t.Errorf("misaligned %d: %q, want %q", how, misaligned[how], word)
		}
	}
}
