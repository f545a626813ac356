package helpers

import (
	"encoding/binary"
	"fmt"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Maps as a whole, and values of other processors: enum bpf_func_id 164 and 195 (kernel/bpf/bpf_iter.c,
// kernel/bpf/helpers.c), and the kfunc of kernel/bpf/map_iter.c.
var mapWalkHelpers = []*Helper{
	{ID: 164, Name: "for_each_map_elem", Fn: forEachElem,
		Args: []Arg{{Name: "map", Kind: Map}, {Name: "callback_fn", Kind: Func}, {Name: "callback_ctx", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 195, Name: "map_lookup_percpu_elem", Fn: mapLookupPerCPU,
		Args: []Arg{{Name: "map", Kind: Map}, {Name: "key", Kind: MapKey}, {Name: "cpu", Kind: Scalar}}},
	{Name: "bpf_map_sum_elem_count", Fn: sumElemCount, Args: []Arg{{Name: "map", Kind: Map}}},
}

// forEachElem calls a function with each entry of a map until it returns something else than 0, and
// gives how often it was called.
func forEachElem(c *Call) (uint64, error) {
	m, ok := c.Map.Map.(maps.Walker)
	if !ok {
		return 0, c.bad(0, 0, fmt.Sprintf("map %q is of kind %v, whose entries programs cannot go through", c.Map.Def.Name, c.Map.Kind.Type))
	}
	if c.Args[3] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	keyAt, key, err := c.keyWord()
	if err != nil {
		return 0, err
	}
	fn, n := c.Args[1], uint64(0)
	for c.walk = (maps.Walk{}); m.Walk(&c.walk, c.Run.CPU); {
		n++
		c.called = [5]uint64{c.Args[0], c.walk.Key, c.walk.Value, c.Args[2]}
		if c.walk.Key == 0 {
			binary.LittleEndian.PutUint32(key, c.walk.Index)
			c.called[1] = keyAt
		}
		r0, err := c.Invoke(fn, &c.called)
		if err != nil {
			return 0, err
		}
		if r0 != 0 {
			break
		}
	}
	return n, nil
}

// keyWord returns guest memory for an array's key: each helper that is active has its own.
func (c *Call) keyWord() (at uint64, key []byte, err error) {
	at = c.Run.Keys + 8*uint64(c.Run.depth-1)
	key, ok := c.Run.World.Arena.Bytes(at, 8)
	if !ok {
		return 0, nil, fmt.Errorf("%s: the run has no memory for keys", c.Helper.Name)
	}
	return at, key, nil
}

func mapLookupPerCPU(c *Call) (uint64, error) {
	if !c.Map.Kind.PerCPU {
		return 0, c.bad(0, 0, fmt.Sprintf("map %q is of kind %v, which has no values of processors", c.Map.Def.Name, c.Map.Kind.Type))
	}
	if err := c.forbid(maps.FWronlyProg, "map is write-only for programs (BPF_F_WRONLY_PROG)"); err != nil {
		return 0, err
	}
	cpu := uint32(c.Args[2])
	if uint64(cpu) >= uint64(c.Run.World.CPUs) {
		return 0, nil
	}
	return c.Map.Lookup(cpu, c.Mem[1]), nil
}

// sumElemCount is 0 for kinds that do not count their elements.
func sumElemCount(c *Call) (uint64, error) {
	if m, ok := c.Map.Map.(interface{ Count() int64 }); ok {
		return uint64(m.Count()), nil
	}
	return 0, nil
}
