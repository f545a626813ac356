// Package load makes a [bpf.Module] of an [ebpf.CollectionSpec] or of raw
// bytecode: every reference resolved, every instruction validated (RFC 9669,
// and Linux's structural rules), every function analysed. What it returns can
// be run without another check of its form.
package load

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/objfile"
)

// Options say how a collection is loaded. The zero value is useful.
type Options struct {
	// KernelTypes is what CO-RE relocations are made against, for example the
	// host's types (btf.LoadKernelSpec). When nil, the object's own types are
	// used, that is: every field is where the compiler saw it.
	KernelTypes *btf.Spec

	// KeepGoing loads the programs that are good and leaves the errors of the
	// others in Info.Errors.
	KeepGoing bool

	// HaveKfunc says which kfuncs exist. It decides what weak references to
	// kfuncs become. When nil, all exist.
	HaveKfunc func(name string) bool

	// Ksyms are the addresses of extern __ksym variables. Weak ones that are
	// not listed are 0.
	Ksyms map[string]uint64

	// Kconfig are the values of extern __kconfig variables, as in a kernel's
	// .config file: y, n, m, a number or a quoted string. Missing ones are
	// taken from the host, where it tells them.
	Kconfig map[string]string
}

// Info is what package load knows of a collection beyond its module.
type Info struct {
	MapSpecs     []*ebpf.MapSpec     // by index in Module.Maps
	MapIndex     map[string]int      // by name in CollectionSpec.Maps
	ProgramSpecs []*ebpf.ProgramSpec // by index in Module.Programs
	ProgramIndex map[string]int      // by name in CollectionSpec.Programs
	Errors       map[string]error    // programs left out, with KeepGoing
}

// ELF parses an object as cilium/ebpf does, and objects that it refuses without need (package objfile). Malformed input that makes that
// library panic gives an error.
func ELF(r io.ReaderAt) (spec *ebpf.CollectionSpec, err error) {
	defer recovered("parse ELF", &err)
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("parse ELF: %w", err)
	}
	for _, s := range f.Sections {
		// The library allocates such a section whole, though the file need not hold it.
		if s.Type == elf.SHT_NOBITS && s.Size > arena.MaxSize {
			return nil, fmt.Errorf("section %q has %d bytes: guest memory is at most %d", s.Name, s.Size, arena.MaxSize)
		}
	}
	mended, err := objfile.Mend(r)
	if err != nil {
		return nil, err
	}
	if spec, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader(mended.Bytes)); err != nil {
		return nil, err
	}
	mended.Restore(spec)
	markWeak(spec, mended.Weak())
	return spec, nil
}

// Collection loads all programs of a spec, which stays unchanged.
func Collection(spec *ebpf.CollectionSpec) (*bpf.Module, *Info, error) {
	return CollectionWithOptions(spec, Options{})
}

// CollectionWithOptions is [Collection] with options.
func CollectionWithOptions(spec *ebpf.CollectionSpec, opts Options) (*bpf.Module, *Info, error) {
	if spec == nil {
		return nil, nil, errors.New("load collection: spec is nil")
	}
	if spec.ByteOrder != nil && spec.ByteOrder != binary.LittleEndian {
		return nil, nil, fmt.Errorf("the object is %v: only little-endian BPF (clang --target=bpfel) can be run", spec.ByteOrder)
	}
	c, err := newCollection(spec, opts)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		if err := c.load(name, spec.Programs[name]); err != nil {
			err = &ProgramError{name, err}
			if !opts.KeepGoing {
				return nil, nil, err
			}
			c.info.Errors[name] = err
		}
	}
	return c.finish()
}

// recovered turns a panic of cilium/ebpf, which reads files nobody vouches
// for, into an error.
func recovered(what string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: malformed input: %v", what, p)
	}
}

// collection is a spec that is being loaded.
type collection struct {
	spec   *ebpf.CollectionSpec
	opts   Options
	info   *Info
	maps   []*bpf.Map
	merger *merger
	kfuncs map[string]int
	extern externs
	fields *fieldReader
	tables *jumpTables
}

func newCollection(spec *ebpf.CollectionSpec, opts Options) (c *collection, err error) {
	c = &collection{spec: spec, opts: opts, kfuncs: map[string]int{}, info: &Info{
		MapIndex: map[string]int{}, ProgramIndex: map[string]int{}, Errors: map[string]error{}}}
	specs := maps.Clone(spec.Maps)
	if specs == nil {
		specs = map[string]*ebpf.MapSpec{}
	}
	if c.extern, err = newExterns(spec.Types, opts); err != nil {
		return nil, err
	}
	c.fields = newFieldReader(spec.Types)
	if k := c.extern.kconfigMap(); k != nil && specs[kconfigSection] == nil {
		specs[kconfigSection] = k
	}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		s := specs[name]
		if s == nil {
			return nil, fmt.Errorf("map %q: its spec is nil", name)
		}
		d, err := c.fields.definition(name, s)
		if err != nil {
			return nil, err
		}
		c.info.MapIndex[name] = len(c.maps)
		c.info.MapSpecs = append(c.info.MapSpecs, s)
		c.maps = append(c.maps, d)
	}
	c.merger = newMerger(c.maps)
	c.tables = c.jumpTablesOf(spec)
	return c, nil
}

// Map returns the definition of a map that comes without a collection. types is the
// BTF that its value's type is of; nil: none.
func Map(s *ebpf.MapSpec, types *btf.Spec) (*bpf.Map, error) {
	return newFieldReader(types).definition(s.Name, s)
}

// definition is a map as the module has it, the example of its inner maps included.
func (r *fieldReader) definition(name string, s *ebpf.MapSpec) (*bpf.Map, error) {
	fields, err := r.ofMap(s)
	if err != nil {
		return nil, fmt.Errorf("map %q: %w", name, err)
	}
	d := &bpf.Map{Name: name, Type: uint32(s.Type), KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries,
		Flags: s.Flags, Fields: fields, MapExtra: s.MapExtra}
	if in := s.InnerMap; in != nil {
		if in.InnerMap != nil {
			return nil, fmt.Errorf("map %q: a map of maps of maps", name)
		}
		if d.Inner, err = r.definition(in.Name, in); err != nil {
			return nil, fmt.Errorf("map %q: inner %w", name, err)
		}
		if d.KeySize == 0 && s.Type == ebpf.ArrayOfMaps {
			d.KeySize = 4
		}
		if d.ValueSize == 0 {
			d.ValueSize = 4 // as cilium/ebpf fills it in
		}
	}
	return d, nil
}

// load adds one program to the module.
func (c *collection) load(name string, p *ebpf.ProgramSpec) error {
	if p == nil {
		return errors.New("its spec is nil")
	}
	if p.ByteOrder != nil && p.ByteOrder != binary.LittleEndian {
		return fmt.Errorf("it is %v: only little-endian BPF can be run", p.ByteOrder)
	}
	insns, err := relocate(p.Instructions, c.spec.Types, c.opts.KernelTypes)
	if err != nil {
		return err
	}
	u := &unit{name: name, typ: p.Type.String(), section: p.SectionName, maps: c.maps, tables: c.tables}
	if err := c.convert(u, insns); err != nil {
		return err
	}
	if err := u.prepare(); err != nil {
		return err
	}
	c.merger.add(u)
	c.info.ProgramIndex[name] = len(c.info.ProgramSpecs)
	c.info.ProgramSpecs = append(c.info.ProgramSpecs, p)
	return nil
}

func (c *collection) finish() (*bpf.Module, *Info, error) {
	c.merger.module.Kfuncs = make([]string, len(c.kfuncs))
	for name, i := range c.kfuncs {
		c.merger.module.Kfuncs[i] = name
	}
	m, err := c.merger.finish()
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(m.Kfuncs, allocates) {
		if m.Types, err = c.fields.allocated(); err != nil {
			return nil, nil, err
		}
	}
	return m, c.info, nil
}
