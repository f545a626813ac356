package helpers

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/maps"
)

// ObjectKind says which struct of the kernel an object is.
type ObjectKind uint8

// The kinds of objects. A socket's is the business of those who make it.
const (
	TaskObject ObjectKind = iota + 1
	RegsObject
	CgroupObject
	InodeObject
	SkbObject
	XDPObject
	sharedInfoObject
)

var objectTypes = [...]string{TaskObject: "task_struct", RegsObject: "pt_regs", CgroupObject: "cgroup", InodeObject: "inode", SkbObject: "sk_buff", XDPObject: "xdp_buff", sharedInfoObject: "skb_shared_info"}

func (k ObjectKind) String() string { return objectTypes[k] }

// Objects are structs of the kernel that programs hold pointers to: guest memory, one block for
// each thing that a helper named, so that programs read it as they would in Linux. Its
// members are 0 but for those that somebody set. Blocks live as long as the collection.
type Objects struct {
	mu      sync.Mutex
	of      map[objectKey]*Object
	at      map[uint64]*Object
	layouts map[ObjectKind]*btf.Struct
}

type objectKey struct {
	kind ObjectKind
	id   uint64
}

// Object is one of them.
type Object struct {
	Kind ObjectKind
	ID   uint64 // PID, cgroup id, inode number
	Addr uint64
	Size uint64

	ancestors []uint64 // of a cgroup: from the root's id to its own
}

// A struct is at most maxObject bytes, and unknownObject where nothing says how large it is.
const (
	maxObject     = 32 << 10
	unknownObject = 4 << 10
	maxObjects    = 64
)

// ObjectMemory is how much guest memory a module that calls a helper which gives objects may need for them.
func (t *Table) ObjectMemory(m *bpf.Module) uint64 {
	for _, f := range m.Funcs {
		for _, in := range f.Insns {
			if in.Op != bpf.OpCall || in.Src == bpf.CallSubprog {
				continue
			}
			if h := t.Find(in.Src, in.Imm); h != nil && h.Objects {
				return maxObjects * maxObject
			}
		}
	}
	return 0
}

// Object returns the object of that kind and id, which it makes if need be. fill, if not nil, is called with
// the bytes of a new one.
func (w *World) Object(kind ObjectKind, id uint64, fill func(o *Object, b []byte, layout *btf.Struct)) (*Object, error) {
	o := &w.Objects
	o.mu.Lock()
	defer o.mu.Unlock()
	key := objectKey{kind, id}
	if have := o.of[key]; have != nil {
		return have, nil
	}
	if len(o.of) >= maxObjects {
		return nil, maps.ENOMEM
	}
	layout := o.layout(w.Types, kind)
	size := uint64(unknownObject)
	if layout != nil {
		size = uint64(layout.Size)
	}
	addr, err := w.Arena.Alloc(size)
	if err != nil {
		return nil, maps.ENOMEM
	}
	b, _ := w.Arena.Bytes(addr, size)
	made := &Object{Kind: kind, ID: id, Addr: addr, Size: size}
	if fill != nil {
		fill(made, b, layout)
	}
	if o.of == nil {
		o.of, o.at = map[objectKey]*Object{}, map[uint64]*Object{}
	}
	o.of[key], o.at[addr] = made, made
	return made, nil
}

// NewObject returns the address of the object of that kind and id.
func (w *World) NewObject(kind ObjectKind, id uint64) (uint64, error) {
	o, err := w.Object(kind, id, func(o *Object, _ []byte, _ *btf.Struct) { o.ancestors = []uint64{id} })
	if err != nil {
		return 0, fmt.Errorf("struct %v of %d: %w", kind, id, err)
	}
	return o.Addr, nil
}

// layout finds how a struct looks; nil where nothing says so. The lock is held.
func (o *Objects) layout(types *btf.Spec, kind ObjectKind) *btf.Struct {
	if s, ok := o.layouts[kind]; ok {
		return s
	}
	s := structNamed(types, kind.String())
	if o.layouts == nil {
		o.layouts = map[ObjectKind]*btf.Struct{}
	}
	o.layouts[kind] = s
	return s
}

// structNamed finds a struct of a size that it can have. BTF comes from files that nobody vouches for.
func structNamed(types *btf.Spec, name string) (s *btf.Struct) {
	defer func() {
		if recover() != nil {
			s = nil
		}
	}()
	if types == nil || types.TypeByName(name, &s) != nil || s.Size == 0 || s.Size > maxObject {
		return nil
	}
	return s
}

// has reports whether there is an object at an address.
func (o *Objects) has(addr uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at[addr] != nil
}

// objectAt returns the object of that kind at an address that a program passed.
func (c *Call) objectAt(arg int, kind ObjectKind) (*Object, error) {
	o := &c.Run.World.Objects
	o.mu.Lock()
	have := o.at[c.Args[arg]]
	o.mu.Unlock()
	if have == nil || have.Kind != kind {
		return nil, c.bad(arg, 0, fmt.Sprintf("not the address of a struct %v that a helper gave", kind))
	}
	return have, nil
}

// setField writes the low bytes of v to the member that path names, where there is one.
func setField(b []byte, layout *btf.Struct, path string, v uint64) {
	if off, size, ok := member(layout, path); ok && size <= 8 && uint64(off)+uint64(size) <= uint64(len(b)) {
		for i := range size {
			b[off+i] = byte(v >> (8 * i))
		}
	}
}

// member finds a member by its path, a.b, through anonymous members too. Bit fields are none.
func member(t *btf.Struct, path string) (off, size uint32, ok bool) {
	name, rest, more := strings.Cut(path, ".")
	for depth := 0; t != nil && depth < 8; depth++ {
		m, at := findMember(t.Members, name, 0)
		if m == nil || m.BitfieldSize != 0 {
			return 0, 0, false
		}
		off += at
		if !more {
			n, err := btf.Sizeof(m.Type)
			return off, uint32(n), err == nil && n > 0
		}
		t, _ = btf.UnderlyingType(m.Type).(*btf.Struct)
		name, rest, more = strings.Cut(rest, ".")
	}
	return 0, 0, false
}

// findMember looks through anonymous structs and unions. off is in bytes.
func findMember(ms []btf.Member, name string, depth int) (_ *btf.Member, off uint32) {
	if i := slices.IndexFunc(ms, func(m btf.Member) bool { return m.Name == name }); i >= 0 && name != "" {
		return &ms[i], ms[i].Offset.Bytes()
	}
	for i := range ms {
		var inner []btf.Member
		switch t := btf.UnderlyingType(ms[i].Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if ms[i].Name != "" || depth > 8 {
			continue
		}
		if m, at := findMember(inner, name, depth+1); m != nil {
			return m, ms[i].Offset.Bytes() + at
		}
	}
	return nil, 0
}
