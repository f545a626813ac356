package engines

import (
	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/native"
)

func init() {
	marches := []string{"rv64gc"}
	if m := native.HostMarch(); m != marches[0] {
		marches = append(marches, m)
	}
	kinds = append(kinds, Kind{Name: "native", Marches: marches, Untraced: true, Mapped: true,
		New: func(m *bpf.Module, ar *arena.Arena, t *engine.Tables, c Config) (Engine, error) {
			return native.New(m, ar, t, native.Options{Scheme: c.Scheme, March: c.March, Verify: c.Verify})
		}})
}
