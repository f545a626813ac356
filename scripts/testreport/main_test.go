package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ok       bool
		want     string
	}{
		{"all is well", `{"Action":"pass","Package":"p","Test":"A"}`, true, "1 tests passed, 0 failed, 0 skipped as allowed, 0 skipped otherwise"},
		{"nothing ran", ``, false, "0 tests passed"},
		{"a failure", `{"Action":"output","Package":"p","Test":"A","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"A"}`, false, "why\n"},
		{"a package fails", `{"Action":"pass","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}`, false, "1 failed"},
		{"a skip", `{"Action":"pass","Package":"p","Test":"A"}
{"Action":"skip","Package":"p","Test":"Oracle"}`, false, "1 skipped otherwise"},
		{"a skip that is allowed", `{"Action":"pass","Package":"p","Test":"A"}
{"Action":"skip","Package":"p","Test":"Root/sub"}`, true, "1 skipped as allowed"},
		{"a skip in the suite that it is allowed in", `suite slow
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"skip","Package":"p","Test":"Oracle"}`, true, "suite slow\n1 tests passed, 0 failed, 1 skipped as allowed"},
		{"a skip in another suite", `suite host
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"skip","Package":"p","Test":"Oracle"}
suite slow
{"Action":"pass","Package":"p","Test":"Oracle"}`, false, "skipped, and must not be"},
		{"a crash", `{"Action":"pass","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"B","Output":"=== RUN B\n"}
make: *** [Makefile:1: test] Error 1`, false, "did not end: p.B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			allow := filepath.Join(t.TempDir(), "allow")
			if err := os.WriteFile(allow, []byte("# why\np.Root(/.*)? # why\nslow p.Oracle\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			r := newReport(&out)
			if err := r.readAllowed(allow); err != nil {
				t.Fatal(err)
			}
			if err := r.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if ok := r.finish(); ok != c.ok || !strings.Contains(out.String(), c.want) {
				t.Errorf("%v, want %v with %q:\n%s", ok, c.ok, c.want, out.String())
			}
		})
	}
}
