package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rivetbpf/rivet/internal/testenv"
)

// TestTablesAreCurrent generates the tables again: what is committed must be what C computes.
func TestTablesAreCurrent(t *testing.T) {
	cc := testenv.NeedTool(t, "gcc")
	dir := t.TempDir()
	if err := generate(cc, dir); err != nil {
		t.Fatal(err)
	}
	for _, f := range files() {
		want, err := os.ReadFile(filepath.Join(dir, f.name+".data"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("../../../testdata/insn", f.name+".data"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("testdata/insn/%s.data is stale: run go generate ./internal/enginetest", f.name)
		}
	}
}
