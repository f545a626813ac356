// Package check says what of an object rivet can run, and what it lacks for the rest.
package check

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Object is what is known of one object file.
type Object struct {
	File     string    `json:"file"`
	Error    string    `json:"error,omitempty"` // nothing of it can be read
	Programs []Program `json:"programs"`
	Maps     []Map     `json:"maps"`
	Missing  []Missing `json:"missing"` // helpers and kfuncs
}

// Program is one of its programs.
type Program struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Section string `json:"section"`
	Loads   bool   `json:"loads"`
	Error   string `json:"error,omitempty"` // why it does not
}

// Map is one of its maps.
type Map struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	Supported bool   `json:"supported"`
}

// Missing is a helper or kfunc that is not there, with the programs that call it.
type Missing struct {
	Name     string   `json:"name"`
	Programs []string `json:"programs"`
}

// File checks an object file. Every program that loads has been loaded and compiled.
func File(file string) Object {
	o := Object{File: file, Programs: []Program{}, Maps: []Map{}, Missing: []Missing{}}
	f, err := os.Open(file)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	defer f.Close()
	spec, err := load.ELF(f)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	o.fill(spec)
	return o
}

func (o *Object) fill(spec *ebpf.CollectionSpec) {
	for name, m := range spec.Maps {
		o.Maps = append(o.Maps, Map{Name: name, Kind: m.Type.String(), Supported: maps.KindOf(uint32(m.Type)) != nil})
	}
	slices.SortFunc(o.Maps, func(a, b Map) int { return cmp.Compare(a.Name, b.Name) })
	errs := loadEach(spec)
	for name, p := range spec.Programs {
		r := Program{Name: name, Type: p.Type.String(), Section: p.SectionName, Loads: errs[name] == nil}
		if err := errs[name]; err != nil {
			r.Error = err.Error()
		}
		o.Programs = append(o.Programs, r)
	}
	slices.SortFunc(o.Programs, func(a, b Program) int { return cmp.Compare(a.Name, b.Name) })
	o.Missing = missing(spec)
}

// loadEach loads a spec whole and, if that is an error, its programs one by one.
func loadEach(spec *ebpf.CollectionSpec) map[string]error {
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: rivet.EngineHart})
	if err == nil {
		coll.Close()
		return nil
	}
	errs := map[string]error{}
	for name := range spec.Programs {
		errs[name] = loadOne(spec, name)
	}
	return errs
}

var programType = reflect.TypeFor[*rivet.Program]()

// loadOne loads one program, and the maps that it refers to. Its program arrays are empty.
func loadOne(spec *ebpf.CollectionSpec, name string) error {
	spec = spec.Copy()
	for _, m := range spec.Maps {
		if m.Type == ebpf.ProgramArray {
			m.Contents = nil
		}
	}
	// A struct that asks for this program alone.
	objects := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Program", Type: programType, Tag: reflect.StructTag(fmt.Sprintf("ebpf:%q", name))},
	}))
	if err := rivet.LoadAndAssign(spec, objects.Interface(), &rivet.CollectionOptions{Engine: rivet.EngineHart}); err != nil {
		return err
	}
	return objects.Elem().Field(0).Interface().(*rivet.Program).Close()
}

// missing lists what programs call that is not there, also programs that do not load for another reason.
func missing(spec *ebpf.CollectionSpec) []Missing {
	m, _, err := load.CollectionWithOptions(spec, load.Options{KeepGoing: true, HaveKfunc: helpers.HasKfunc})
	if err != nil {
		return []Missing{}
	}
	list := []Missing{}
	for _, l := range helpers.Missing(m) {
		list = append(list, Missing{Name: l.Name, Programs: l.Programs})
	}
	return list
}

// Count is something and how often it was counted.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"programs"`
}

// TypeCount is how many programs of a type there are, and how many load.
type TypeCount struct {
	Type  string `json:"type"`
	All   int    `json:"programs"`
	Loads int    `json:"load"`
}

// Summary is what many objects need.
type Summary struct {
	Objects  int         `json:"objects"`
	Unread   []Object    `json:"unreadable"`
	Types    []TypeCount `json:"types"`
	Missing  []Count     `json:"missing"`   // helpers and kfuncs, the most needed first
	MapKinds []Count     `json:"map_kinds"` // that are not supported, by the objects that have one
	Reasons  []Count     `json:"reasons"`   // of programs that do not load though nothing is missing
}

// Summarize counts.
func Summarize(objects []Object) Summary {
	s := Summary{Objects: len(objects), Unread: []Object{}}
	types, miss, kinds, reasons := map[string]*TypeCount{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range objects {
		if o.Error != "" {
			s.Unread = append(s.Unread, o)
		}
		lacks := map[string]bool{}
		for _, m := range o.Missing {
			miss[m.Name] += len(m.Programs)
			for _, p := range m.Programs {
				lacks[p] = true
			}
		}
		unsupported := map[string]bool{}
		for _, m := range o.Maps {
			if !m.Supported && !unsupported[m.Kind] {
				unsupported[m.Kind] = true
				kinds[m.Kind]++
			}
		}
		for _, p := range o.Programs {
			t := types[p.Type]
			if t == nil {
				t = &TypeCount{Type: p.Type}
				types[p.Type] = t
			}
			t.All++
			if p.Loads {
				t.Loads++
			} else if !lacks[p.Name] {
				reasons[reason(p.Error)]++
			}
		}
	}
	for _, t := range types {
		s.Types = append(s.Types, *t)
	}
	slices.SortFunc(s.Types, func(a, b TypeCount) int { return cmp.Or(b.All-a.All, cmp.Compare(a.Type, b.Type)) })
	s.Missing, s.MapKinds, s.Reasons = ranked(miss), ranked(kinds), ranked(reasons)
	return s
}

// ranked is counts, the largest first.
func ranked(m map[string]int) []Count {
	l := []Count{}
	for name, n := range m {
		l = append(l, Count{name, n})
	}
	slices.SortFunc(l, func(a, b Count) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Name, b.Name)) })
	return l
}

// reason is what remains of an error when the places are taken out of it: after
// the bytes of the instruction, or after the names in front.
func reason(err string) string {
	if _, after, ok := strings.Cut(err, "]: "); ok {
		return after
	}
	return err
}
