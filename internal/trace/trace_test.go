package trace

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet/internal/engine"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it\n%s", file, diff)
	}
}

func TestText(t *testing.T) {
	for _, scheme := range []engine.Scheme{engine.Shared, engine.Propagated} {
		var b bytes.Buffer
		if err := WriteText(&b, mixed(scheme), TextOptions{}); err != nil {
			t.Fatal(err)
		}
		golden(t, "mixed-"+scheme.String()+".txt", b.Bytes())
	}
	var b bytes.Buffer
	if err := WriteText(&b, chain(), TextOptions{Color: true, Width: 100}); err != nil {
		t.Fatal(err)
	}
	golden(t, "chain-color.txt", b.Bytes())
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, mixed(engine.Propagated)); err != nil {
		t.Fatal(err)
	}
	golden(t, "mixed-propagated.json", b.Bytes())

	var events []map[string]any
	if err := json.Unmarshal(b.Bytes(), &events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		for _, field := range []string{"event", "program", "function", "line", "depth", "count_before", "count", "home", "reason"} {
			if _, ok := e[field]; !ok {
				t.Errorf("event %v has no field %q", e["event"], field)
			}
		}
	}

	b.Reset()
	if err := WriteJSON(&b, &Run{}); err != nil || strings.TrimSpace(b.String()) != "[]" {
		t.Errorf("no events: %q, %v", b.String(), err)
	}
}

func TestHelperName(t *testing.T) {
	for id, want := range map[int32]string{
		1: "bpf_map_lookup_elem", 5: "bpf_ktime_get_ns", 7: "bpf_get_prandom_u32", 10: "bpf_l3_csum_replace",
		12: "bpf_tail_call", 147: "bpf_d_path", 100000: "helper#100000", -1: "helper#-1",
	} {
		if got := HelperName(id); got != want {
			t.Errorf("HelperName(%d) = %q, want %q", id, got, want)
		}
	}
}
