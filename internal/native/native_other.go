//go:build !(linux && riscv64)

package native

import (
	"fmt"
	"runtime"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Engine has no instances on this host.
type Engine struct{}

// New says that there is no native engine for this host.
func New(*bpf.Module, *arena.Arena, *engine.Tables, Options) (*Engine, error) {
	return nil, Supported()
}

// Supported says why this host has no native engine.
func Supported() error {
	return fmt.Errorf("native code on %s/%s: %w; there is a target for linux/riscv64", runtime.GOOS, runtime.GOARCH, engine.ErrUnsupported)
}

// Run does not happen.
func (*Engine) Run(*engine.Request) (engine.Result, error) { return engine.Result{}, Supported() }

// TailTarget does not happen.
func (*Engine) TailTarget(int) uint64 { return 0 }

// Image does not happen.
func (*Engine) Image() *compile.Image { return nil }

// Target does not happen.
func (*Engine) Target() compile.Target { return nil }

// Close does nothing.
func (*Engine) Close() error { return nil }

// Mappings returns 0: there are no engines.
func Mappings() int { return 0 }
