package helpers

import (
	"encoding/binary"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// What programs that load others ask: enum bpf_func_id 167, 168 and 179 (kernel/bpf/btf.c, kernel/bpf/syscall.c).
var kernelNameHelpers = []*Helper{
	{ID: 167, Name: "btf_find_by_name_kind", Fn: btfFindByNameKind, Args: []Arg{{Name: "name", Kind: Mem}, {Name: "name_sz", Kind: Size},
		{Name: "kind", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 168, Name: "sys_close", Args: []Arg{{Name: "fd", Kind: Scalar}},
		Fn: func(*Call) (uint64, error) { return maps.Guest(maps.EBADF), nil }}, // there are no descriptors
	{ID: 179, Name: "kallsyms_lookup_name", Fn: kallsymsLookupName, Args: []Arg{{Name: "name", Kind: Mem}, {Name: "name_sz", Kind: Size},
		{Name: "flags", Kind: Scalar}, {Name: "res", Kind: MemW, Size: 8}}},
}

// givenName returns the name that the first two arguments are; ok is false for one that does not end, or is empty.
func (c *Call) givenName() (name string, ok bool) {
	b := c.Mem[0]
	if len(b) <= 1 || b[len(b)-1] != 0 {
		return "", false
	}
	s, _ := untilNUL(b)
	return string(s), true
}

// btfFindByNameKind returns the number of the first type of that name and kind. The upper half, the descriptor of
// a module's types, is 0: those of modules are not known.
func btfFindByNameKind(c *Call) (uint64, error) {
	name, ok := c.givenName()
	if uint32(c.Args[3]) != 0 || !ok {
		return maps.Guest(maps.EINVAL), nil
	}
	id := findType(c.Run.World.Types, name, uint8(c.Args[2]))
	if id == 0 {
		return maps.Guest(maps.ENOENT), nil
	}
	return uint64(id), nil
}

// findType returns the lowest number of a type, 0 where there is none.
func findType(types *btf.Spec, name string, kind uint8) (first btf.TypeID) {
	defer func() {
		if recover() != nil { // package btf on types that are no types
			first = 0
		}
	}()
	if types == nil || name == "" {
		return 0
	}
	all, err := types.AnyTypesByName(name)
	if err != nil {
		return 0
	}
	for _, t := range all {
		if kindOf(t) != int64(kind) {
			continue
		}
		if id, err := types.TypeID(t); err == nil && (first == 0 || id < first) {
			first = id
		}
	}
	return first
}

func kallsymsLookupName(c *Call) (uint64, error) {
	clear(c.Mem[3])
	name, ok := c.givenName()
	if uint32(c.Args[2]) != 0 || !ok {
		return maps.Guest(maps.EINVAL), nil
	}
	addr := c.Run.World.Ksyms[name]
	binary.LittleEndian.PutUint64(c.Mem[3], addr)
	if addr == 0 {
		return maps.Guest(maps.ENOENT), nil
	}
	return 0, nil
}
