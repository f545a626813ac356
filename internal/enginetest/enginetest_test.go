package enginetest

import (
	"strings"
	"testing"
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
				if err := c.Check(v); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
				runs += len(c.Runs)
			}
			t.Logf("%d cases, %d runs", len(cases), runs)
		})
	}
}

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
