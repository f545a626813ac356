//go:build measure

package rivet

import "github.com/rivetbpf/rivet/internal/hartrun"

// EngineHartUnchecked is the hart running code without memory checks and fuel,
// to measure what they cost. It exists only under the build tag measure: such
// code is not safe.
const EngineHartUnchecked Engine = 100

func init() {
	backends[EngineHartUnchecked] = func(p *parts) (backend, error) {
		o := p.options()
		o.NoChecks = true
		return hartrun.New(p.module, p.arena, p.tables, o)
	}
}
