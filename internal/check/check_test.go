package check

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const objects = "../objfile/testdata/"

// A program that does not load is alone in that, and the reason is told.
func TestFile(t *testing.T) {
	o := File(objects + "unknown.o")
	if o.Error != "" || len(o.Programs) != 2 || o.Programs[0].Name != "bad" || o.Programs[0].Loads || !o.Programs[1].Loads {
		t.Fatalf("%+v", o)
	}
	if got := reason(o.Programs[0].Error); !strings.HasPrefix(got, "reference to odd in section") {
		t.Errorf("reason: %q", got)
	}
}

func TestUnreadable(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.o")
	if err := os.WriteFile(text, []byte("no object"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, text + ".gone"} {
		if o := File(file); o.Error == "" || len(o.Programs) != 0 {
			t.Errorf("%+v", o)
		}
	}
}

// What is missing is told for every program at once, whatever else is wrong with it.
func TestMissing(t *testing.T) {
	o := File("../../testdata/soak/soak.o")
	var names []string
	for _, m := range o.Missing {
		names = append(names, m.Name)
		if len(m.Programs) == 0 {
			t.Errorf("%s: no program calls it", m.Name)
		}
	}
	if !strings.Contains(strings.Join(names, " "), "helper 6000") {
		t.Errorf("missing: %q", names)
	}
}

func TestSummarize(t *testing.T) {
	s := Summarize([]Object{
		{File: "a", Programs: []Program{{Name: "p", Type: "XDP", Loads: true}, {Name: "q", Type: "XDP", Error: "m"}},
			Missing: []Missing{{"helper 9", []string{"q"}}}},
		{File: "b", Programs: []Program{{Name: "p", Type: "Kprobe", Error: "program \"p\": insn 3 [00]: why"}},
			Maps: []Map{{"x", "Odd", false}, {"y", "Odd", false}, {"z", "Array", true}}},
		{File: "c", Error: "unreadable"},
	})
	want := Summary{Objects: 3, Unread: []Object{{File: "c", Error: "unreadable"}},
		Types:   []TypeCount{{"XDP", 2, 1}, {"Kprobe", 1, 0}},
		Missing: []Count{{"helper 9", 1}}, MapKinds: []Count{{"Odd", 1}}, Reasons: []Count{{"why", 1}}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, want\n%+v", s, want)
	}
}
