package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"debug/elf"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/objfile"
)

var byteOrder = binary.LittleEndian

// Virtual sections that exist in BTF only.
const (
	kconfigSection = ".kconfig"
	ksymsSection   = ".ksyms"
)

// maxKconfig bounds .kconfig, whose size a file makes up.
const maxKconfig = 1 << 20

// externs are the object's references to what its environment provides:
// functions and variables of the kernel, and its configuration.
type externs struct {
	opts    Options
	kfuncs  map[string]bool
	ksyms   map[string]bool
	kconfig *btf.Datasec
}

func newExterns(types *btf.Spec, opts Options) (e externs, err error) {
	defer recovered("BTF", &err)
	e = externs{opts: opts, kfuncs: map[string]bool{}, ksyms: map[string]bool{}}
	if types == nil {
		return e, nil
	}
	var ds *btf.Datasec
	if types.TypeByName(ksymsSection, &ds) == nil {
		for _, v := range ds.Vars {
			if _, ok := v.Type.(*btf.Func); ok {
				e.kfuncs[v.Type.TypeName()] = true
			} else {
				e.ksyms[v.Type.TypeName()] = true
			}
		}
	}
	if types.TypeByName(kconfigSection, &ds) == nil {
		e.kconfig = ds
	}
	return e, nil
}

func (e *externs) haveKfunc(name string) bool {
	return e.opts.HaveKfunc == nil || e.opts.HaveKfunc(name)
}

// kconfigMap returns the map that holds the configuration, as cilium/ebpf makes
// it when it loads a program; nil when the object asks for none.
func (e *externs) kconfigMap() *ebpf.MapSpec {
	if e.kconfig == nil || e.kconfig.Size > maxKconfig {
		return nil
	}
	const readOnlyForPrograms = 1 << 7 // BPF_F_RDONLY_PROG
	return &ebpf.MapSpec{Name: kconfigSection, Type: ebpf.Array, KeySize: 4, ValueSize: e.kconfig.Size, MaxEntries: 1,
		Flags: readOnlyForPrograms, Key: &btf.Int{Size: 4}, Value: e.kconfig,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: make([]byte, e.kconfig.Size)}}}
}

// externAddress resolves the address of a kfunc or a kernel variable.
func (v *converter) externAddress(in *asm.Instruction, name string, lo, hi *bpf.Insn) error {
	var value uint64
	switch e := &v.c.extern; {
	case e.kfuncs[name]:
		// bpf_ksym_exists(): the address is compared with 0 and nothing else.
		if value = 1; !e.haveKfunc(name) {
			if value = 0; !weak(in) {
				return fmt.Errorf("there is no kfunc %q", name)
			}
		}
	case e.ksyms[name]:
		var ok bool
		if value, ok = e.opts.Ksyms[name]; !ok && !weak(in) {
			return fmt.Errorf("address of kernel variable %q: it is unknown and not declared __weak", name)
		}
	case objfile.Unknown(name):
		return fmt.Errorf("reference to %s, which is neither code nor data to a loader of BPF", name)
	default: // a symbol of inline assembly, whose value the caller has put into the constant
		return nil
	}
	lo.Imm, hi.Imm = int32(value), int32(value>>32)
	return nil
}

// kconfig resolves the address of a configuration variable.
func (v *converter) kconfig(in *asm.Instruction, lo, hi *bpf.Insn) error {
	meta := metadata(in, "kconfigMeta")
	if !meta.IsValid() {
		return fmt.Errorf("map reference without a name")
	}
	off := uint32(meta.FieldByName("Offset").Uint())
	i, ok := v.c.info.MapIndex[kconfigSection]
	if !ok {
		return fmt.Errorf("section %s is larger than %d bytes", kconfigSection, maxKconfig)
	}
	if _, own := v.c.spec.Maps[kconfigSection]; !own { // else its values are the caller's business
		err := v.c.extern.setKconfig(v.c.info.MapSpecs[i], off)
		if _, missing := errors.AsType[*missingConfig](err); missing && in.Metadata.Get(weakConfig{}) != nil {
			err = nil // 0
		}
		if err != nil {
			return err
		}
	}
	lo.Imm, hi.Imm = int32(i), int32(off)
	return nil
}

// weakConfig is the key of instructions' metadata that marks those which refer to
// a configuration variable declared __weak.
type weakConfig struct{}

// markWeak marks the instructions that refer to one of the named configuration variables.
func markWeak(spec *ebpf.CollectionSpec, names []string) {
	var ds *btf.Datasec
	if len(names) == 0 || spec.Types == nil || spec.Types.TypeByName(kconfigSection, &ds) != nil {
		return
	}
	weak := map[uint32]bool{}
	for _, vs := range ds.Vars {
		weak[vs.Offset] = slices.Contains(names, vs.Type.TypeName())
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			in := &p.Instructions[i]
			if meta := metadata(in, "kconfigMeta"); meta.IsValid() && weak[uint32(meta.FieldByName("Offset").Uint())] {
				in.Metadata.Set(weakConfig{}, true)
			}
		}
	}
}

// weak reports whether the kfunc or variable that in names is declared __weak.
func weak(in *asm.Instruction) bool {
	for _, kind := range []string{"kfuncMeta", "ksymMeta"} {
		if meta := metadata(in, kind); meta.IsValid() {
			return elf.SymBind(meta.FieldByName("Binding").Int()) == elf.STB_WEAK
		}
	}
	return false
}

// metadata finds the metadata of an instruction that cilium/ebpf keeps for its
// own loader, under keys that it does not export: a list of
// {next, key, value any}. Reflection may read, though not copy, unexported
// fields. A changed layout gives no metadata, which the tests notice.
func metadata(in *asm.Instruction, kind string) (meta reflect.Value) {
	at := reflect.ValueOf(&in.Metadata).Elem().FieldByName("head")
	for at.IsValid() && at.Kind() == reflect.Pointer && !at.IsNil() {
		e := at.Elem()
		v := e.FieldByName("value")
		if v.IsValid() && v.Kind() == reflect.Interface {
			if p := v.Elem(); p.Kind() == reflect.Pointer && !p.IsNil() && p.Elem().Type().Name() == kind {
				return p.Elem()
			}
		}
		at = e.FieldByName("next")
	}
	return reflect.Value{}
}

// setKconfig gives the variable at off of .kconfig its value.
func (e *externs) setKconfig(m *ebpf.MapSpec, off uint32) error {
	data := m.Contents[0].Value.([]byte)
	for _, vs := range e.kconfig.Vars {
		if vs.Offset != off {
			continue
		}
		v, ok := vs.Type.(*btf.Var)
		if !ok || uint64(off)+uint64(vs.Size) > uint64(len(data)) {
			break
		}
		value, err := e.kconfigValue(v.Name)
		if err != nil {
			return err
		}
		if err := putKconfig(data[off:off+vs.Size], v.Type, value); err != nil {
			return fmt.Errorf("kconfig variable %s = %s: %w", v.Name, bytes.TrimSpace([]byte(value)), err)
		}
		return nil
	}
	return fmt.Errorf("there is no kconfig variable at offset %d", off)
}
