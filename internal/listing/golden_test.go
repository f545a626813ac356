package listing_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The exact code of prologues, epilogues, subprogram calls, helper calls and
// tail calls, in both schemes, with and without a reachable tail call.
func TestGolden(t *testing.T) {
	for _, name := range []string{"tail", "plain"} {
		for _, scheme := range []rivet.TailCalls{rivet.TailCallsShared, rivet.TailCallsPropagated} {
			for _, march := range []string{"rv64gc", "rv64gc_zba_zbb"} {
				var b bytes.Buffer
				l := list(t, "../../testdata/listing/"+name+".o", scheme, march)
				if err := l.WriteText(&b, false); err != nil {
					t.Fatal(err)
				}
				if name == "plain" && strings.Contains(b.String(), "count in ") {
					t.Errorf("%s, %v: there is code for a count that nothing can reach", name, scheme)
				}
				file := filepath.Join("testdata", name+"."+scheme.String()+"."+march+".txt")
				if *update {
					if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
					continue
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), b.String()); d != "" {
					t.Errorf("%s differs (-want +got); where that is right, go test -update rewrites it\n%s", file, d)
				}
			}
		}
	}
}
