package rivet

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/inspect"
)

// compiled is an engine that compiles.
type compiled interface {
	Image() *compile.Image
	Target() compile.Target
}

func init() {
	inspect.Module = func(coll any) *bpf.Module { return coll.(*Collection).core.module }
	inspect.Part = part
	inspect.Image = func(coll any) (*compile.Image, compile.Target, bool) {
		c, ok := coll.(*Collection).core.backend.(compiled)
		if !ok {
			return nil, nil, false
		}
		return c.Image(), c.Target(), true
	}
}
