package helpers

import "github.com/rivetbpf/rivet/internal/maps"

// Access to maps: enum bpf_func_id 1 to 3, kernel/bpf/helpers.c.
var mapHelpers = []*Helper{
	{ID: 1, Name: "map_lookup_elem", Fn: mapLookup,
		Args: []Arg{{Name: "map", Kind: Map}, {Name: "key", Kind: MapKey}}},
	{ID: 2, Name: "map_update_elem", Fn: mapUpdate,
		Args: []Arg{{Name: "map", Kind: Map}, {Name: "key", Kind: MapKey}, {Name: "value", Kind: MapValue}, {Name: "flags", Kind: Scalar}}},
	{ID: 3, Name: "map_delete_elem", Fn: mapDelete,
		Args: []Arg{{Name: "map", Kind: Map}, {Name: "key", Kind: MapKey}}},
}

// forbid refuses what the map's flags refuse to programs. Linux's verifier
// refuses such programs when they are loaded; here the call is a fault.
func (c *Call) forbid(flag uint32, why string) error {
	if c.Map.Def.Flags&flag == 0 {
		return nil
	}
	return c.bad(0, 0, why)
}

// refuseOuter refuses what only users do with maps of maps; in Linux the verifier does.
func (c *Call) refuseOuter() error {
	if _, ok := c.Map.Map.(maps.Outer); !ok {
		return nil
	}
	return c.bad(0, 0, "programs can only look into a map of maps")
}

func mapLookup(c *Call) (uint64, error) {
	if err := c.forbid(maps.FWronlyProg, "map is write-only for programs (BPF_F_WRONLY_PROG)"); err != nil {
		return 0, err
	}
	if addr := c.Map.Lookup(c.Run.CPU, c.Mem[1]); addr != 0 {
		return addr, nil
	}
	return c.lookupSocket()
}

func mapUpdate(c *Call) (uint64, error) {
	if err := c.forbid(maps.FRdonlyProg, "map is read-only for programs (BPF_F_RDONLY_PROG)"); err != nil {
		return 0, err
	}
	if err := c.refuseOuter(); err != nil {
		return 0, err
	}
	return maps.Guest(c.Map.Update(c.Run.CPU, c.Mem[1], c.Mem[2], c.Args[3])), nil
}

func mapDelete(c *Call) (uint64, error) {
	if err := c.forbid(maps.FRdonlyProg, "map is read-only for programs (BPF_F_RDONLY_PROG)"); err != nil {
		return 0, err
	}
	if err := c.refuseOuter(); err != nil {
		return 0, err
	}
	return maps.Guest(c.Map.Delete(c.Mem[1])), nil
}
