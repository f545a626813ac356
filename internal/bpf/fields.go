package bpf

// Type is a structure as the object's BTF has it: what a map's value is, or what programs allocate.
type Type struct {
	Name   string
	Size   uint32
	Fields []Field // sorted by Offset
}

// Field is a part of a value that programs reach through helpers and kfuncs
// alone (struct btf_field). Copies of values leave them out.
type Field struct {
	Kind   FieldKind
	Offset uint32
	Size   uint32
	// Elem is what a kptr points to and what a list or a tree holds; Node is where in Elem
	// its node is. Elem is nil where the object does not say.
	Elem *Type
	Node uint32
}

// FieldKind says what a field is (enum btf_field_type).
type FieldKind uint8

const (
	SpinLock      FieldKind = iota + 1 // struct bpf_spin_lock
	ResSpinLock                        // struct bpf_res_spin_lock
	Timer                              // struct bpf_timer
	Workqueue                          // struct bpf_wq
	TaskWork                           // struct bpf_task_work
	KptrUntrusted                      // pointer tagged kptr_untrusted
	Kptr                               // pointer tagged kptr
	KptrPerCPU                         // pointer tagged percpu_kptr
	Uptr                               // pointer tagged uptr
	ListHead                           // struct bpf_list_head
	ListNode                           // struct bpf_list_node
	RbRoot                             // struct bpf_rb_root
	RbNode                             // struct bpf_rb_node
	Refcount                           // struct bpf_refcount
	numFieldKinds
)

var fieldNames = [numFieldKinds]string{SpinLock: "bpf_spin_lock", ResSpinLock: "bpf_res_spin_lock", Timer: "bpf_timer",
	Workqueue: "bpf_wq", TaskWork: "bpf_task_work", KptrUntrusted: "kptr_untrusted", Kptr: "kptr", KptrPerCPU: "percpu_kptr",
	Uptr: "uptr", ListHead: "bpf_list_head", ListNode: "bpf_list_node", RbRoot: "bpf_rb_root", RbNode: "bpf_rb_node",
	Refcount: "bpf_refcount"}

// String returns the name of the field's type or tag.
func (k FieldKind) String() string { return fieldNames[k] }

// Owns reports whether a field of this kind holds something that ends with the value: a timer,
// work, an object that it points to, the nodes of a list.
func (k FieldKind) Owns() bool {
	switch k {
	case Timer, Workqueue, TaskWork, Kptr, KptrPerCPU, ListHead, RbRoot:
		return true
	}
	return false
}

// Find returns the first field of a kind, nil when there is none.
func Find(fields []Field, kind FieldKind) *Field {
	for i := range fields {
		if fields[i].Kind == kind {
			return &fields[i]
		}
	}
	return nil
}

// FieldAt returns the field of a kind that begins at an offset, nil when there is none.
func FieldAt(fields []Field, kind FieldKind, offset uint64) *Field {
	for i := range fields {
		if fields[i].Kind == kind && uint64(fields[i].Offset) == offset {
			return &fields[i]
		}
	}
	return nil
}

// SpinLock returns the offset of the bpf_spin_lock in a map's values, -1 when there is none.
func (m *Map) SpinLock() int {
	if f := Find(m.Fields, SpinLock); f != nil {
		return int(f.Offset)
	}
	return -1
}

// Owns reports whether values of the map hold something that ends with them.
func (m *Map) Owns() bool {
	for i := range m.Fields {
		if m.Fields[i].Kind.Owns() {
			return true
		}
	}
	return false
}

// CopyFields copies a value but for its special fields, which stay what they are in dst
// (copy_map_value); in a user's copy they are 0, as he allocated them.
func CopyFields(fields []Field, dst, src []byte) {
	at := 0
	for i := range fields {
		f := &fields[i]
		copy(dst[min(at, len(dst)):min(int(f.Offset), len(dst))], src[min(at, len(src)):])
		at = int(f.Offset + f.Size)
	}
	copy(dst[min(at, len(dst)):], src[min(at, len(src)):])
}

// ClearFields zeroes the special fields of a value.
func ClearFields(fields []Field, value []byte) {
	for i := range fields {
		f := &fields[i]
		clear(value[min(int(f.Offset), len(value)):min(int(f.Offset+f.Size), len(value))])
	}
}
