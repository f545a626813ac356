//go:build !windows

// cilium/ebpf has no package perf for Windows.

package rivet_test

import (
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	cperf "github.com/cilium/ebpf/perf"
	cringbuf "github.com/cilium/ebpf/ringbuf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
	"github.com/rivetbpf/rivet/perf"
	"github.com/rivetbpf/rivet/ringbuf"
)

// absent are the methods and fields of cilium/ebpf's types that rivet's do not have. docs/MIGRATING.md says of each why.
var absent = map[string]bool{
	"Map.FD": true, "Map.Pin": true, "Map.Unpin": true, "Map.Handle": true, "Map.Memory": true,
	"Program.FD": true, "Program.Pin": true, "Program.Unpin": true, "Program.BindMap": true,
	"Program.Handle": true, "Program.SetHandle": true, "Program.Info": true, "Program.Stats": true,
	"MapInfo.Memlock": true, "MapInfo.ID": true, "MapInfo.BTFID": true, "MapInfo.MapExtra": true,
}

// Every exported method and field of cilium/ebpf's types has one of the same name and type here, or is documented as absent.
func TestAPIIsCiliums(t *testing.T) {
	guide, err := os.ReadFile("docs/MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	missing, n := map[string]bool{}, 0
	for _, pair := range [][2]reflect.Type{
		{reflect.TypeFor[ebpf.Collection](), reflect.TypeFor[rivet.Collection]()},
		{reflect.TypeFor[ebpf.CollectionSpec](), reflect.TypeFor[rivet.CollectionSpec]()},
		{reflect.TypeFor[ebpf.CollectionOptions](), reflect.TypeFor[rivet.CollectionOptions]()},
		{reflect.TypeFor[ebpf.Map](), reflect.TypeFor[rivet.Map]()},
		{reflect.TypeFor[ebpf.MapInfo](), reflect.TypeFor[rivet.MapInfo]()},
		{reflect.TypeFor[ebpf.MapIterator](), reflect.TypeFor[rivet.MapIterator]()},
		{reflect.TypeFor[ebpf.Program](), reflect.TypeFor[rivet.Program]()},
		{reflect.TypeFor[ebpf.RunOptions](), reflect.TypeFor[rivet.RunOptions]()},
		{reflect.TypeFor[ebpf.Variable](), reflect.TypeFor[rivet.Variable]()},
		{reflect.TypeFor[cringbuf.Reader](), reflect.TypeFor[ringbuf.Reader]()},
		{reflect.TypeFor[cringbuf.Record](), reflect.TypeFor[ringbuf.Record]()},
		{reflect.TypeFor[cperf.Reader](), reflect.TypeFor[perf.Reader]()},
		{reflect.TypeFor[cperf.ReaderOptions](), reflect.TypeFor[perf.ReaderOptions]()},
		{reflect.TypeFor[cperf.Record](), reflect.TypeFor[perf.Record]()},
	} {
		theirs, ours := members(pair[0]), members(pair[1])
		for name, want := range theirs {
			n++
			full := pair[0].Name() + "." + name
			got, have := ours[name]
			switch {
			case !have:
				missing[full] = true
			case got != want:
				t.Errorf("%s is %s, cilium/ebpf's is %s", full, got, want)
			}
		}
	}
	for name := range missing {
		if !absent[name] {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range absent {
		if !missing[name] {
			t.Errorf("%s is listed as absent, and is there or is not cilium/ebpf's", name)
		}
		typ, member, _ := strings.Cut(name, ".")
		if !strings.Contains(string(guide), "`"+name+"`") && !strings.Contains(string(guide), "`"+member+"`") {
			t.Errorf("docs/MIGRATING.md does not say why %s lacks %s", typ, member)
		}
	}
	t.Logf("%d methods and fields, %d of them absent", n, len(absent))
}

// members lists the exported fields and methods of a type, each with what it is, package names left out.
func members(t reflect.Type) map[string]string {
	all := map[string]string{}
	plain := strings.NewReplacer("ebpf.", "", "rivet.", "", "ringbuf.", "", "perf.", "", "sys.", "", "internal.", "").Replace
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			all[f.Name] = plain(f.Type.String())
		}
	}
	p := reflect.PointerTo(t)
	for i := range p.NumMethod() {
		m := p.Method(i)
		all[m.Name] = plain(m.Type.String())
	}
	return all
}

// A program is closed by itself, and so are its clones; the engine goes with the last of them.
func TestProgramsAreClosedOneByOne(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		coll := load(t, spec(t, "basic"), opts)
		entry := coll.DetachProgram("entry")
		clone, err := entry.Clone()
		if err != nil {
			t.Fatal(err)
		}
		if err := coll.Maps["jump"].Put(uint32(0), coll.Programs["other"]); err != nil {
			t.Fatal(err)
		}
		other := coll.Programs["other"]
		coll.Close()
		run := func(p *rivet.Program) error {
			_, err := p.Run(&rivet.RunOptions{Data: []byte{0}})
			return err
		}
		if err := run(other); !errors.Is(err, syscall.EBADF) {
			t.Errorf("a program of a closed collection: %v", err)
		}
		if err := run(entry); err != nil {
			t.Errorf("a program that was taken out, and tail-calls a closed one: %v", err)
		}
		if err := errors.Join(entry.Close(), entry.Close()); err != nil {
			t.Error(err)
		}
		if _, err := entry.Clone(); !errors.Is(err, syscall.EBADF) {
			t.Errorf("clone of a closed program: %v", err)
		}
		if err := run(clone); err != nil {
			t.Errorf("clone: %v", err)
		}
		clone.Close()
		if err := run(clone); !errors.Is(err, syscall.EBADF) {
			t.Errorf("a closed clone: %v", err)
		}
	})
}

// Options that cilium/ebpf has are used, ignored or refused.
func TestOptionsOfCilium(t *testing.T) {
	s := (*rivet.CollectionSpec)(spec(t, "basic"))
	for name, opts := range map[string]rivet.CollectionOptions{
		"maps of others": {MapReplacements: map[string]*rivet.Map{"counts": nil}},
		"more types":     {Programs: rivet.ProgramOptions{ExtraRelocationTargets: []*btf.Spec{s.Types}}},
	} {
		if _, err := rivet.NewCollectionWithOptions(s, opts); !errors.Is(err, ebpf.ErrNotSupported) || !errors.Is(err, rivet.ErrNotSupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := load(t, spec(t, "basic"), rivet.CollectionOptions{Maps: rivet.MapOptions{PinPath: "/sys/fs/bpf"},
		Programs: rivet.ProgramOptions{LogLevel: rivet.LogLevelBranch, KernelTypes: s.Types}})
	if log := c.Programs["entry"].VerifierLog; log != "" {
		t.Errorf("the verifier's log says %q", log)
	}
}

func TestNewProgram(t *testing.T) {
	p, err := rivet.NewProgram(&rivet.ProgramSpec{Type: rivet.XDP, Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.Run(nil); v != 2 || err != nil || p.Type() != rivet.XDP || p.IsPinned() {
		t.Errorf("%v returns %d, %v", p, v, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := rivet.NewProgram(nil); err == nil {
		t.Error("a program without a spec")
	}
	if _, err := rivet.LoadCollection("testdata/face/nothing.o"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an object that is not there: %v", err)
	}
}

// absentNames are what package cilium/ebpf exports and rivet does not. docs/MIGRATING.md says of each, or of the functions that need it, why.
var absentNames = map[string]string{
	"EnableStats": "EnableStats", "ProgramStats": "Program.Stats", "ProgramInfo": "Program.Info",
	"LoadPinnedMap": "LoadPinnedMap", "LoadPinnedProgram": "LoadPinnedProgram",
	"NewMapFromFD": "NewMapFromFD", "NewProgramFromFD": "NewProgramFromFD",
	"NewMapFromID": "NewMapFromID", "NewProgramFromID": "NewProgramFromID", "MapGetNextID": "MapGetNextID", "ProgramGetNextID": "ProgramGetNextID",
	"MapID": "NewMapFromID", "ProgramID": "NewProgramFromID",
	"NewMap": "NewMap", "NewMapWithOptions": "NewMap", "NewProgramWithOptions": "NewProgramWithOptions",
	"Memory": "Map.Memory", "VariablePointer": "VariablePointer",
	"AttachTypeForPlatform": "ForPlatform", "MapTypeForPlatform": "ForPlatform", "ProgramTypeForPlatform": "ForPlatform",
	"ErrInvalidType": "VariablePointer", "ErrProgIncompatible": "LoadPinnedProgram", "ErrRestrictedKernel": "ErrRestrictedKernel",
}

// Every exported name of package cilium/ebpf is one of package rivet, or is documented as absent.
func TestNamesAreCiliums(t *testing.T) {
	tool := testenv.NeedTool(t, "go")
	out, err := exec.Command(tool, "list", "-m", "-f", "{{.Dir}}", "github.com/cilium/ebpf").Output()
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("docs/MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := exported(t, strings.TrimSpace(string(out))), exported(t, ".")
	for name := range theirs {
		word, listed := absentNames[name]
		switch {
		case strings.Contains(name, "Windows"): // kinds of things that Linux does not have
		case ours[name] == listed:
			t.Errorf("%s: rivet has it: %v, it is listed as absent: %v", name, ours[name], listed)
		case listed && !strings.Contains(string(guide), word):
			t.Errorf("docs/MIGRATING.md does not say why %s is absent: it has no %q", name, word)
		}
	}
	t.Logf("%d names, %d of them absent", len(theirs), len(absentNames))
}

// exported lists the exported names that a package's files for Linux declare, methods left out.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	names := map[string]bool{}
	linux := build.Default
	linux.GOOS = "linux"
	for _, file := range files {
		if match, err := linux.MatchFile(dir, filepath.Base(file)); err != nil || !match || strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			declared(d, func(id *ast.Ident) {
				if id.IsExported() {
					names[id.Name] = true
				}
			})
		}
	}
	return names
}

func declared(d ast.Decl, visit func(*ast.Ident)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			visit(d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				visit(s.Name)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					visit(id)
				}
			}
		}
	}
}

// What the loader adds to an object is there in a part of it, too: here the map of __kconfig variables.
func TestPartWithKconfig(t *testing.T) {
	s, err := rivet.LoadCollectionSpec("internal/load/testdata/extern.o")
	if err != nil {
		t.Fatal(err)
	}
	var objs struct {
		Config *rivet.Program `ebpf:"config"`
	}
	opts := rivet.CollectionOptions{Kconfig: map[string]string{"LINUX_KERNEL_VERSION": "1000", "CONFIG_RIVET": "y", "CONFIG_RIVET_NUMBER": "4000", "CONFIG_RIVET_NAME": `"name"`}}
	if err := s.LoadAndAssign(&objs, &opts); err != nil {
		t.Fatal(err)
	}
	defer objs.Config.Close()
	if got, err := objs.Config.Run(nil); got != 1000+1+4000+'a' || err != nil {
		t.Errorf("the variables add up to %d, %v", got, err)
	}
}
