package load

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// What bounds special fields: BTF_FIELDS_MAX, and how deep structures may lie in each other.
const (
	maxFields     = 11
	maxFieldDepth = 8
)

// fieldStructs are the structures that are special fields.
var fieldStructs = map[string]bpf.Field{
	"bpf_spin_lock":     {Kind: bpf.SpinLock, Size: 4},
	"bpf_res_spin_lock": {Kind: bpf.ResSpinLock, Size: 4},
	"bpf_timer":         {Kind: bpf.Timer, Size: 16},
	"bpf_wq":            {Kind: bpf.Workqueue, Size: 16},
	"bpf_task_work":     {Kind: bpf.TaskWork, Size: 8},
	"bpf_list_head":     {Kind: bpf.ListHead, Size: 16},
	"bpf_list_node":     {Kind: bpf.ListNode, Size: 24},
	"bpf_rb_root":       {Kind: bpf.RbRoot, Size: 16},
	"bpf_rb_node":       {Kind: bpf.RbNode, Size: 32},
	"bpf_refcount":      {Kind: bpf.Refcount, Size: 4},
}

// fieldTags are the type tags of pointers that are special fields.
var fieldTags = map[string]bpf.FieldKind{
	"kptr_untrusted": bpf.KptrUntrusted, "kptr": bpf.Kptr, "percpu_kptr": bpf.KptrPerCPU, "uptr": bpf.Uptr,
}

// fieldReader finds special fields, as btf_parse_fields does. A structure is read once.
type fieldReader struct {
	types *btf.Spec
	seen  map[*btf.Struct]*bpf.Type
}

func newFieldReader(types *btf.Spec) *fieldReader {
	return &fieldReader{types: types, seen: map[*btf.Struct]*bpf.Type{}}
}

// ofMap returns the special fields of a map's values.
func (r *fieldReader) ofMap(s *ebpf.MapSpec) (fields []bpf.Field, err error) {
	defer recovered("BTF", &err)
	if s.Value == nil {
		return nil, nil
	}
	switch t := btf.UnderlyingType(s.Value).(type) {
	case *btf.Datasec:
		for _, v := range t.Vars {
			variable, ok := v.Type.(*btf.Var)
			if !ok {
				continue
			}
			if fields, err = r.walk(fields, variable.Type, variable.Tags, v.Offset, 0); err != nil {
				return nil, fmt.Errorf("variable %s: %w", variable.Name, err)
			}
		}
	default:
		fields, err = r.walk(nil, t, nil, 0, 0)
	}
	return sortFields(fields), err
}

func sortFields(fields []bpf.Field) []bpf.Field {
	slices.SortFunc(fields, func(a, b bpf.Field) int { return int(int64(a.Offset) - int64(b.Offset)) })
	return fields
}

// errManyFields is E2BIG of btf_find_field.
var errManyFields = fmt.Errorf("more than %d special fields (locks, timers, kptrs, …)", maxFields)

// walk adds the special fields of a type that lies at offset at; tags are those of its declaration.
func (r *fieldReader) walk(fields []bpf.Field, t btf.Type, tags []string, at uint32, depth int) ([]bpf.Field, error) {
	var err error
	if depth > maxFieldDepth {
		return fields, nil
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		if f, ok := fieldStructs[t.Name]; ok && t.Size == f.Size {
			f.Offset = at
			if err := r.contains(&f, tags); err != nil {
				return fields, err
			}
			fields = append(fields, f)
			break
		}
		for _, m := range t.Members {
			if fields, err = r.walk(fields, m.Type, m.Tags, at+m.Offset.Bytes(), depth+1); err != nil {
				return fields, fmt.Errorf("%s: %w", m.Name, err)
			}
		}
	case *btf.Array:
		size, err := btf.Sizeof(t.Type)
		if err != nil || !mayHold(t.Type, 0) {
			return fields, nil
		}
		for i := range t.Nelems {
			n := len(fields)
			if fields, err = r.walk(fields, t.Type, tags, at+i*uint32(size), depth+1); err != nil || len(fields) == n {
				return fields, err
			}
		}
	case *btf.Pointer:
		if tag, ok := t.Target.(*btf.TypeTag); ok && fieldTags[tag.Value] != 0 {
			fields = append(fields, bpf.Field{Kind: fieldTags[tag.Value], Offset: at, Size: 8, Elem: r.structure(tag.Type)})
		}
	}
	if len(fields) > maxFields {
		return fields, errManyFields
	}
	return fields, nil
}

// mayHold reports whether a special field can lie in an element of type t.
func mayHold(t btf.Type, depth int) bool {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct, *btf.Pointer:
		return true
	case *btf.Array:
		return depth < maxFieldDepth && mayHold(t.Type, depth+1)
	}
	return false
}

// structure returns what is known of a structure that programs point to, nil when t is none.
func (r *fieldReader) structure(t btf.Type) *bpf.Type {
	s, ok := btf.UnderlyingType(t).(*btf.Struct)
	if !ok {
		return nil
	}
	if known := r.seen[s]; known != nil {
		return known
	}
	known := &bpf.Type{Name: s.Name, Size: s.Size}
	r.seen[s] = known // before its fields, which may lead back here
	if fields, err := r.walk(nil, s, nil, 0, 0); err == nil {
		known.Fields = sortFields(fields)
	}
	return known
}

// contains reads what a list or a tree holds from the tag "contains:TYPE:FIELD".
func (r *fieldReader) contains(f *bpf.Field, tags []string) error {
	if f.Kind != bpf.ListHead && f.Kind != bpf.RbRoot {
		return nil
	}
	for _, tag := range tags {
		rest, ok := strings.CutPrefix(tag, "contains:")
		if !ok {
			continue
		}
		name, node, ok := strings.Cut(rest, ":")
		var s *btf.Struct
		if !ok || r.types == nil || r.types.TypeByName(name, &s) != nil {
			return fmt.Errorf("%v: tag %q names no structure", f.Kind, tag)
		}
		for _, m := range s.Members {
			if m.Name == node {
				f.Elem, f.Node = r.structure(s), m.Offset.Bytes()
				return nil
			}
		}
		return fmt.Errorf("%v: tag %q: %s has no field %s", f.Kind, tag, name, node)
	}
	return nil
}

// allocates reports whether a kfunc is passed the BTF ID of what it allocates.
func allocates(kfunc string) bool {
	return strings.HasPrefix(kfunc, "bpf_obj_new") || strings.HasPrefix(kfunc, "bpf_percpu_obj_new")
}

// maxTypes bounds how many structures of an object are looked at.
const maxTypes = 1 << 16

// allocated returns the structures of the object by BTF ID. Only programs that allocate ask for them.
func (r *fieldReader) allocated() (_ map[uint32]*bpf.Type, err error) {
	defer recovered("BTF", &err)
	all := map[uint32]*bpf.Type{}
	if r.types == nil {
		return all, nil
	}
	for t, err := range r.types.All() {
		if err != nil {
			return nil, err
		}
		s, ok := t.(*btf.Struct)
		if !ok || len(all) == maxTypes {
			continue
		}
		id, err := r.types.TypeID(s)
		if err != nil {
			return nil, errors.New("a structure without an ID")
		}
		all[uint32(id)] = r.structure(s)
	}
	return all, nil
}
