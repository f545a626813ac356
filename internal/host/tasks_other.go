//go:build !linux

package host

func cgroups() []uint64 { return nil }

func pidNamespace(uint32) PIDNamespace { return PIDNamespace{} }
