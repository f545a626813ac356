//go:build measure && !(linux && riscv64)

package native

import (
	"io"

	"github.com/rivetbpf/rivet/internal/arena"
)

// NewForeign says that there is no native engine for this host.
func NewForeign(*arena.Arena, io.ReaderAt) (*Engine, error) { return nil, Supported() }
