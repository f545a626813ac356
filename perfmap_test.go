package rivet_test

import (
	"bytes"
	"errors"
	"regexp"
	"testing"

	"github.com/rivetbpf/rivet"
)

func TestPerfMap(t *testing.T) {
	for _, e := range rivet.Engines() {
		coll := load(t, spec(t, "kernel"), rivet.CollectionOptions{Engine: e})
		var b bytes.Buffer
		err := coll.WritePerfMap(&b)
		if e != rivet.EngineNative {
			if !errors.Is(err, rivet.ErrNotSupported) || b.Len() > 0 {
				t.Errorf("%v: error %v, wrote %q", e, err, b.String())
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for name := range coll.Programs {
			if !regexp.MustCompile(`(?m)^[0-9a-f]{6,} [1-9a-f][0-9a-f]* bpf:` + name + `$`).Match(b.Bytes()) {
				t.Errorf("no %s in\n%s", name, b.String())
			}
		}
	}
}
