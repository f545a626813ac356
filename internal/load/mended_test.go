package load

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

const mended = "../objfile/testdata/"

func mendedObject(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(mended + name + ".o")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each object is one that the library alone refuses: what it learns to read needs no mend any more.
func TestMended(t *testing.T) {
	for _, test := range []struct {
		object   string
		refused  string // by the library
		programs []string
		maps     []string
	}{
		{"arena", "SHN_UNDEF", []string{"entry"}, []string{"arena", ".addr_space.1"}},
		{"bss", "reference to", []string{"entry"}, []string{".bss.mine", ".data.mine", ".rodata.mine"}},
		{"private", "reference to", []string{"entry"}, []string{".bss.A"}},
		{"inner", "unsupported value type", []string{"entry"}, []string{"in", "outer"}},
		{"jumptable", "reference to", []string{"large", "small"}, []string{".jumptables"}},
		{"linked", "duplicate symbol work", []string{"entry", "entry2"}, []string{".bss"}},
		{"nosize", "no instructions found", []string{"first", "second"}, nil},
		{"structops", "'.struct_ops' section", []string{"fa", "fb"}, []string{"linked"}},
		{"unknown", "reference to", []string{"bad", "good"}, nil},
		{"weak", "to be *Void", []string{"entry"}, []string{".data"}},
	} {
		t.Run(test.object, func(t *testing.T) {
			b := mendedObject(t, test.object)
			if _, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("the library's error is %v, not about %q", err, test.refused)
			}
			spec, err := ELF(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if len(spec.Programs) != len(test.programs) || len(spec.Maps) != len(test.maps) {
				t.Errorf("%d programs and %d maps", len(spec.Programs), len(spec.Maps))
			}
			for _, name := range test.programs {
				if spec.Programs[name] == nil {
					t.Errorf("no program %s", name)
				}
			}
			for _, name := range test.maps {
				if m := spec.Maps[name]; m == nil || m.Name != name {
					t.Errorf("map %s is %+v", name, m)
				}
			}
		})
	}
}

// What refers to something unknown is refused alone, by its name.
func TestUnknownSectionIsOneProgramsError(t *testing.T) {
	spec, err := ELF(bytes.NewReader(mendedObject(t, "unknown")))
	if err != nil {
		t.Fatal(err)
	}
	m, info, err := CollectionWithOptions(spec, Options{KeepGoing: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Programs) != 1 || m.Programs[0].Name != "good" {
		t.Errorf("programs: %+v", m.Programs)
	}
	if err := info.Errors["bad"]; err == nil || !strings.Contains(err.Error(), "odd in section .odd.section") {
		t.Errorf("error: %v", err)
	}
}

// A weak configuration variable that does not exist is 0; one that is not weak is an error.
func TestWeakConfig(t *testing.T) {
	b := mendedObject(t, "weak")
	spec, err := ELF(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{HaveKfunc: func(string) bool { return false }}
	if _, _, err := CollectionWithOptions(spec, opts); err != nil {
		t.Error(err)
	}
	for i := range spec.Programs["entry"].Instructions {
		spec.Programs["entry"].Instructions[i].Metadata.Set(weakConfig{}, nil)
	}
	if _, _, err := CollectionWithOptions(spec, opts); err == nil || !strings.Contains(err.Error(), "CONFIG_NEVER_HEARD_OF") {
		t.Errorf("error: %v", err)
	}
}

// Names that were changed are what they were.
func TestVariablesKeepTheirSections(t *testing.T) {
	spec, err := ELF(bytes.NewReader(mendedObject(t, "bss")))
	if err != nil {
		t.Fatal(err)
	}
	v := spec.Variables["zero"]
	if v == nil || v.SectionName != ".bss.mine" || v.Type == nil {
		t.Errorf("variable: %+v", v)
	}
	for _, in := range spec.Programs["entry"].Instructions {
		if strings.HasPrefix(in.Reference(), ".data.bss") {
			t.Errorf("%v refers to %s", in, in.Reference())
		}
	}
}
