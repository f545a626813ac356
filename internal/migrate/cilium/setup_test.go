package migrate

import (
	"testing"

	"github.com/rivetbpf/rivet/internal/testenv"
)

// setup skips a test where the kernel cannot run it.
func setup(t *testing.T) { testenv.NeedBPF(t) }
