package symbols_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/symbols"
)

func image() (*bpf.Module, *compile.Image) {
	mod := &bpf.Module{Funcs: []*bpf.Func{{Name: "helper"}, {Name: "main\n0 1 evil"}}, Programs: []*bpf.Program{{Name: "main", Func: 1}}}
	im := &compile.Image{Base: 0x1000, Code: make([]byte, 64), ReturnPC: 4, FaultPC: 0,
		Funcs: []compile.FuncCode{{Entry: 40, End: 64}, {Entry: 8, Body: 12, End: 40}}}
	return mod, im
}

func TestPerfMap(t *testing.T) {
	mod, im := image()
	var b strings.Builder
	if err := symbols.WritePerfMap(&b, symbols.Of(mod, im), 0x3f_c000_0000); err != nil {
		t.Fatal(err)
	}
	want := "3fc0000000 4 rivet_fault\n3fc0000004 4 rivet_return\n3fc0000008 20 bpf:main_0_1_evil\n3fc0000028 18 bpf:helper\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestKinds(t *testing.T) {
	mod, im := image()
	got := map[string]symbols.Kind{}
	end := uint32(0)
	for _, s := range symbols.Of(mod, im) {
		if s.From != end {
			t.Errorf("%s begins at %d, the one before it ends at %d", s.Name, s.From, end)
		}
		got[s.Name], end = s.Kind, s.To
	}
	if got["helper"] != symbols.Subprogram || got["main_0_1_evil"] != symbols.Program || got["rivet_fault"] != symbols.Gate || end != 64 {
		t.Errorf("%v, end %d", got, end)
	}
}

// An image without functions is gates alone.
func TestNoFunctions(t *testing.T) {
	list := symbols.Of(&bpf.Module{}, &compile.Image{Code: make([]byte, 8), ReturnPC: 0, FaultPC: 4})
	if len(list) != 2 || list[1].To != 8 {
		t.Errorf("%+v", list)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteError(t *testing.T) {
	mod, im := image()
	if err := symbols.WritePerfMap(full{}, symbols.Of(mod, im), 0); err == nil {
		t.Error("no error")
	}
}
