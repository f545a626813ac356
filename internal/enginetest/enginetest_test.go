package enginetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet/internal/engine"
)

const testdata = "../../testdata/insn/*.data"

// TestInsn runs every case on every engine.
func TestInsn(t *testing.T) {
	cases, err := Load(testdata)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Variants() {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			runs := 0
			for _, c := range cases {
				if err := c.Check(v, nil); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
				runs += len(c.Runs)
			}
			t.Logf("%d cases, %d runs", len(cases), runs)
		})
	}
}

// TestTraces compares the events that engines report. Where the count lives is
// each engine's own business.
func TestTraces(t *testing.T) {
	cases, err := Load(testdata)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, c := range cases {
		if len(c.Runs) > 1 {
			continue // tables: an entry and an exit
		}
		var first [2][]engine.Event // by scheme
		for _, v := range Variants() {
			if v.Kind.Untraced {
				continue
			}
			var events []engine.Event
			err := c.Check(v, func(e *engine.Event) {
				ev := *e
				ev.Home = ""
				if len(events) < maxEvents {
					events = append(events, ev)
				}
			})
			if err != nil {
				t.Errorf("%s on %v, traced: %v", c.Name, v, err)
				continue
			}
			total += len(events)
			s := v.Config.Scheme
			if first[s] == nil {
				first[s] = events
			} else if d := cmp.Diff(first[s], events); d != "" {
				t.Errorf("%s: %v differs from the interpreter:\n%s", c.Name, v, d)
			}
		}
	}
	t.Logf("%d events", total)
}

// maxEvents of a run are compared: some runs tail-call until their fuel is spent.
const maxEvents = 2000

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"mov %r0, 1":                                      "stands before any section",
		"-- asm\nexit":                                    "no result for each scheme",
		"-- result\n1":                                    "no asm",
		"-- asm\nexit\n-- result shared\n1":               "no result for each scheme",
		"-- asm\nexit\n-- asm\nexit":                      "a second section",
		"-- asm\nexit\n-- result\nx":                      "invalid syntax",
		"-- asm\nexit\n-- result\n1\n-- result shared\n1": "told twice",
		"-- asm\nexit\n-- values\n1":                      "must be one to five",
		"-- asm\nexit\n-- fault\n":                        "it says nothing",
		"-- asm\nexit\n-- result\n1\n-- values\n1 2":      "both values and a result",
		"-- asm\nexit\n-- answer\n1":                      "no such section",
	} {
		if _, err := Parse("f", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}
