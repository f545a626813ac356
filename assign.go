package rivet

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// Structs whose fields have an "ebpf" tag, by cilium/ebpf's rules.

// taggedField is a field of a struct that asks for a program, map or variable.
type taggedField struct {
	reflect.StructField
	name  string // of what it asks for
	value reflect.Value
}

var (
	programType  = reflect.TypeFor[*Program]()
	mapType      = reflect.TypeFor[*Map]()
	variableType = reflect.TypeFor[*Variable]()
)

// taggedFields lists the fields of the struct that to points to, and of the
// structs in it, and sees that each can be assigned.
func taggedFields(to any) ([]taggedField, error) {
	v := reflect.ValueOf(to)
	if v.Kind() != reflect.Pointer || v.Type().Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("%T is not a pointer to a struct", to)
	}
	if v.IsNil() {
		return nil, fmt.Errorf("nil %T", to)
	}
	fields, err := walkStruct(v.Elem(), nil)
	if err != nil {
		return nil, err
	}
	type wish struct {
		typ  reflect.Type
		name string
	}
	seen := map[wish]string{}
	for i := range fields {
		f := &fields[i]
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		w := wish{f.Type, f.name}
		if other, ok := seen[w]; ok {
			return nil, fmt.Errorf("field %s: %q was already assigned to field %s", f.Name, f.name, other)
		}
		seen[w] = f.Name
	}
	return fields, nil
}

func (f *taggedField) check() error {
	switch {
	case strings.Contains(f.name, ","):
		return fmt.Errorf("the tag %q contains a comma", f.name)
	case f.Type != programType && f.Type != mapType && f.Type != variableType:
		return fmt.Errorf("type %s is not supported: it must be *rivet.Program, *rivet.Map or *rivet.Variable", f.Type)
	case !f.value.CanSet():
		return errors.New("it cannot be set, as it is not exported")
	}
	return nil
}

// walkStruct gathers tagged fields. outer are the types of the structs around this one.
func walkStruct(s reflect.Value, outer []reflect.Type) ([]taggedField, error) {
	if slices.Contains(outer, s.Type()) {
		return nil, fmt.Errorf("type %s contains itself", s.Type())
	}
	outer = append(outer, s.Type())
	var fields []taggedField
	for i := range s.NumField() {
		f, v := s.Type().Field(i), s.Field(i)
		if name := f.Tag.Get("ebpf"); name != "" {
			fields = append(fields, taggedField{f, name, v})
			continue
		}
		if f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct {
			if v.IsNil() {
				return nil, fmt.Errorf("field %s: nil pointer to %s", f.Name, f.Type.Elem())
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			continue
		}
		inner, err := walkStruct(v, outer)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		fields = append(fields, inner...)
	}
	return fields, nil
}

// reachable returns the part of a spec that fields name, and all that it refers to.
func reachable(spec *ebpf.CollectionSpec, fields []taggedField) (*ebpf.CollectionSpec, error) {
	r := reach{from: spec, part: *spec}
	r.part.Programs, r.part.Maps = map[string]*ebpf.ProgramSpec{}, map[string]*ebpf.MapSpec{}
	named := map[string]bool{} // maps
	for _, f := range fields {
		var err error
		switch f.Type {
		case programType:
			err = r.program(f.name)
		case mapType:
			named[f.name] = true
			err = r.mapping(f.name)
		case variableType:
			err = r.variable(f.name)
		}
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.part.Maps)) {
		if m := r.part.Maps[name]; m.Type == ebpf.ProgramArray && len(m.Contents) > 0 && !named[name] {
			return nil, fmt.Errorf("program array %s, which the object fills, must be assigned to a field: the kernel empties it when user space has no reference to it", name)
		}
	}
	return &r.part, nil
}

// reach copies specs from one collection to another, with what they need.
type reach struct {
	from *ebpf.CollectionSpec
	part ebpf.CollectionSpec
}

func (r *reach) program(name string) error {
	p := r.from.Programs[name]
	if p == nil {
		return fmt.Errorf("program %q is not in the object", name)
	}
	if r.part.Programs[name] != nil {
		return nil
	}
	r.part.Programs[name] = p
	for i := range p.Instructions {
		in := &p.Instructions[i]
		if !in.IsLoadFromMap() || r.from.Maps[in.Reference()] == nil {
			continue // package load makes .kconfig, and says what else is missing
		}
		if err := r.mapping(in.Reference()); err != nil {
			return fmt.Errorf("program %s: %w", name, err)
		}
	}
	return nil
}

func (r *reach) mapping(name string) error {
	m := r.from.Maps[name]
	if m == nil {
		return fmt.Errorf("map %q is not in the object", name)
	}
	if r.part.Maps[name] != nil {
		return nil
	}
	r.part.Maps[name] = m
	for _, kv := range m.Contents {
		ref, ok := kv.Value.(string)
		if !ok {
			continue
		}
		var err error
		switch m.Type {
		case ebpf.ProgramArray:
			err = r.program(ref)
		case ebpf.ArrayOfMaps, ebpf.HashOfMaps:
			err = r.mapping(ref)
		}
		if err != nil {
			return fmt.Errorf("map %s: %w", name, err)
		}
	}
	return nil
}

func (r *reach) variable(name string) error {
	v := r.from.Variables[name]
	if v == nil {
		return fmt.Errorf("variable %q is not in the object", name)
	}
	return r.mapping(v.SectionName)
}

// assign hands what fields name from the collection to them.
func (coll *Collection) assign(fields []taggedField) error {
	found := make([]any, len(fields))
	for i, f := range fields {
		ok := false
		switch f.Type {
		case programType:
			found[i], ok = coll.Programs[f.name]
		case mapType:
			found[i], ok = coll.Maps[f.name]
		case variableType:
			found[i], ok = coll.Variables[f.name]
		}
		if !ok {
			return fmt.Errorf("field %s: %s %q is not in the collection", f.Name, strings.ToLower(f.Type.Elem().Name()), f.name)
		}
	}
	for i, f := range fields {
		f.value.Set(reflect.ValueOf(found[i]))
		switch f.Type {
		case programType:
			delete(coll.Programs, f.name)
		case mapType:
			delete(coll.Maps, f.name)
		case variableType:
			delete(coll.Variables, f.name)
		}
	}
	return nil
}
