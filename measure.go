//go:build measure

package rivet

import (
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/inspect"
)

// EngineHartUnchecked is the hart running code without memory checks and fuel,
// to measure what they cost. It exists only under the build tag measure: such
// code is not safe.
const EngineHartUnchecked Engine = 100

func init() {
	inspect.Watch = func(coll any, visit func(pc uint32)) {
		coll.(*Collection).core.backend.(*hartrun.Engine).Watch(visit)
	}
	backends[EngineHartUnchecked] = func(p *parts) (backend, error) {
		o := p.options()
		o.NoChecks = true
		return hartrun.New(p.module, p.arena, p.tables, o)
	}
}
