package native

import "github.com/rivetbpf/rivet/internal/cpufeature"

// Supported says why this host has no native engine; it has one.
func Supported() error { return nil }

// HostMarch names what this CPU has, for code that runs here.
func HostMarch() string {
	f, _ := cpufeature.Host()
	return f.March
}
