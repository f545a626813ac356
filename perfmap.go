package rivet

import (
	"fmt"
	"io"
	"os"

	"github.com/rivetbpf/rivet/internal/symbols"
)

// PerfMapFile returns the name of the file in which perf looks for symbols of
// code that this process has made at run time.
func PerfMapFile() string { return fmt.Sprintf("/tmp/perf-%d.map", os.Getpid()) }

// WritePerfMap writes the symbols of the collection's machine code in the form
// that perf reads from [PerfMapFile]: one for each BPF function, named bpf:NAME.
// The maps of several collections may follow each other in that file.
//
// Only code of [EngineNative] has addresses in this process; the error of other
// engines wraps [ErrNotSupported].
func (coll *Collection) WritePerfMap(w io.Writer) error {
	c, ok := coll.core.backend.(compiled)
	if coll.core.engine != EngineNative || !ok {
		return fmt.Errorf("perf map: %w on the %v engine: only code of the native engine has addresses in this process", ErrNotSupported, coll.core.engine)
	}
	im := c.Image() // linked for where it lies
	if err := symbols.WritePerfMap(w, symbols.Of(coll.core.module, im), im.Base); err != nil {
		return fmt.Errorf("perf map: %w", err)
	}
	return nil
}
