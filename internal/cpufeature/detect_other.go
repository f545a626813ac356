//go:build !(linux && riscv64)

package cpufeature

func detect() (Features, bool) { return Features{}, false }
