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

	"github.com/rivetbpf/rivet/internal/bpf"
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

func TestHTML(t *testing.T) {
	for name, run := range map[string]*Run{
		"mixed-propagated.html": mixed(engine.Propagated),
		"mixed-shared.html":     mixed(engine.Shared),
	} {
		var b bytes.Buffer
		if err := WriteHTML(&b, run); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// A page must open on a plane: nothing in it may name another resource.
func TestHTMLSelfContained(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHTML(&b, chain()); err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(b.String(), "http://www.w3.org/2000/svg", "")
	for _, bad := range []string{"http:", "https:", "<link", "src=\"", "@import", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	if dir := os.Getenv("RIVET_TRACE_PAGES"); dir != "" { // for looking at them
		if err := os.WriteFile(filepath.Join(dir, "chain.html"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Names come from a file that anyone may have made.
func TestHTMLEscapes(t *testing.T) {
	run := mixed(engine.Shared)
	run.Object = "<script>alert(1)</script>"
	for i := range run.Events {
		run.Events[i].Function, run.Events[i].Text = "<img src=x>", "</script><b>"
		run.Events[i].Target, run.Events[i].Reason = "<img src=x>", "<img src=x>"
	}
	var b bytes.Buffer
	if err := WriteHTML(&b, run); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<img", "<script>alert", "</script><b>"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

// The interpreter counts, but in no register: the count is shown, its home is not.
func TestHomeless(t *testing.T) {
	r := NewRecorder(&bpf.Module{Funcs: []*bpf.Func{{Name: "main", HasTailCall: true}}})
	for _, homeless := range []bool{false, true} {
		r.Homeless, r.Events = homeless, nil
		r.Record(&engine.Event{Kind: engine.EventEntry, Count: 33, CountBefore: 33})
		var b bytes.Buffer
		if err := WriteText(&b, &Run{Events: r.Events}, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		want := "entry  main  insn 0\n"
		if homeless {
			want = "entry  main  33  insn 0\n"
		}
		if b.String() != want {
			t.Errorf("homeless %v: %q, want %q", homeless, b.String(), want)
		}
	}
}

func TestRecorderLimit(t *testing.T) {
	r := NewRecorder(&bpf.Module{})
	r.Limit = 2
	for range 5 {
		r.Record(&engine.Event{Kind: engine.EventHelper, Func: 9, Map: 9})
	}
	if len(r.Events) != 2 || r.Dropped != 3 {
		t.Errorf("kept %d, dropped %d", len(r.Events), r.Dropped)
	}
}
