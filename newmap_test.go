package rivet_test

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

var innerSpec = &ebpf.MapSpec{Name: "inner", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2}

// outerSpec is a program that adds up both values of what an outer map has at key 0; 0 where there is nothing.
func outerSpec(t ebpf.MapType) *ebpf.CollectionSpec {
	lookup := func(label string) asm.Instructions {
		return asm.Instructions{
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, label),
		}
	}
	var p asm.Instructions
	p = append(p, asm.StoreImm(asm.RFP, -4, 0, asm.Word), asm.Mov.Imm(asm.R6, 0), asm.LoadMapPtr(asm.R1, 0).WithReference("outer"))
	p = append(p, lookup("done")...)
	p = append(p, asm.Mov.Reg(asm.R7, asm.R0))
	for i := range int64(2) {
		p = append(p, asm.StoreImm(asm.RFP, -4, i, asm.Word), asm.Mov.Reg(asm.R1, asm.R7))
		p = append(p, lookup("done")...)
		p = append(p, asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Reg(asm.R6, asm.R1))
	}
	p = append(p, asm.Mov.Reg(asm.R0, asm.R6).WithSymbol("done"), asm.Return())
	return &ebpf.CollectionSpec{
		Maps:     map[string]*ebpf.MapSpec{"outer": {Name: "outer", Type: t, KeySize: 4, ValueSize: 4, MaxEntries: 4, InnerMap: innerSpec}},
		Programs: map[string]*ebpf.ProgramSpec{"sum": {Name: "sum", Type: ebpf.XDP, License: "GPL", Instructions: p}},
	}
}

// Programs that run meanwhile find the old map or the new one, whole.
func TestMapsChangeUnderPrograms(t *testing.T) {
	for _, typ := range []ebpf.MapType{ebpf.ArrayOfMaps, ebpf.HashOfMaps} {
		for _, engine := range rivet.Engines() {
			c, err := rivet.NewCollectionWithOptions(outerSpec(typ), rivet.CollectionOptions{Engine: engine, MapMemory: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var wg sync.WaitGroup
			stop := make(chan struct{})
			for range 4 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if sum, err := c.Programs["sum"].Run(nil); err != nil || sum%1000 != 0 {
							t.Errorf("%v: sum is %d, %v", engine, sum, err)
							return
						}
					}
				})
			}
			var makers sync.WaitGroup
			for g := range uint64(4) {
				makers.Go(func() {
					for i := range uint64(100) {
						spec := innerSpec.Copy()
						spec.Contents = []ebpf.MapKV{{Key: uint32(0), Value: i}, {Key: uint32(1), Value: 1000*g + 1000 - i}}
						m, err := c.NewMap(spec)
						if err == nil {
							err = c.Maps["outer"].Put(uint32(0), m)
						}
						if err != nil {
							t.Error(err)
							return
						}
						if i%10 == 0 {
							if err := c.Maps["outer"].Delete(uint32(0)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
								t.Error(err)
							}
						}
					}
				})
			}
			makers.Wait()
			close(stop)
			wg.Wait()
		}
	}
}

func TestNewMap(t *testing.T) {
	c, err := rivet.NewCollection(outerSpec(ebpf.HashOfMaps))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := rivet.NewCollection(outerSpec(ebpf.HashOfMaps))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	outer := c.Maps["outer"]
	m, err := c.NewMap(innerSpec)
	if err != nil {
		t.Fatal(err)
	}
	if err := outer.Update(uint32(1), m, ebpf.UpdateExist); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("update of what is not there: %v", err)
	}
	if err := outer.Put(uint32(1), m); err != nil {
		t.Fatal(err)
	}
	var found *rivet.Map
	if err := m.Put(uint32(1), uint64(7)); err != nil || outer.Lookup(uint32(1), &found) != nil {
		t.Fatal(err)
	}
	var v uint64
	if err := found.Lookup(uint32(1), &v); err != nil || v != 7 {
		t.Errorf("through the outer map: %d, %v", v, err)
	}
	if json, err := outer.DumpJSON(); err != nil || string(json) != `[{"key":1,"value":"inner"}]` {
		t.Errorf("dump: %s, %v", json, err)
	}
	if err := other.Maps["outer"].Put(uint32(1), m); err == nil || !strings.Contains(err.Error(), "another collection") {
		t.Errorf("into another collection: %v", err)
	}
	if err := m.Put(uint32(1), m); err == nil {
		t.Error("a map in an array of numbers")
	}
	if err := outer.Put(uint32(1), uint32(3)); !errors.Is(err, syscall.EBADF) {
		t.Errorf("a number in a map of maps: %v", err)
	}
	if err := outer.Put(uint32(1), outer); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a map in itself: %v", err)
	}
}

// What cannot be made is refused, and memory has an end.
func TestNewMapRefused(t *testing.T) {
	c, err := rivet.NewCollectionWithOptions(outerSpec(ebpf.ArrayOfMaps), rivet.CollectionOptions{MapMemory: 1 << 16, PacketMemory: 1 << 12, MaxRuns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, spec := range []*ebpf.MapSpec{
		{Name: "slots", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		{Name: "none", Type: ebpf.Array, KeySize: 4, ValueSize: 4},
		{Name: "what", Type: 999, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		{Name: "huge", Type: ebpf.Array, KeySize: 4, ValueSize: 1 << 30, MaxEntries: 1<<32 - 1},
		{Name: "bare", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		{Name: "deep", Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: outerSpec(ebpf.ArrayOfMaps).Maps["outer"]},
	} {
		if _, err := c.NewMap(spec); err == nil || !strings.Contains(err.Error(), spec.Name) {
			t.Errorf("%s: %v", spec.Name, err)
		}
	}
	for range 1 << 12 {
		if _, err = c.NewMap(&ebpf.MapSpec{Name: "more", Type: ebpf.Array, KeySize: 4, ValueSize: 1 << 10, MaxEntries: 1}); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("after many maps: %v", err)
	}
}

// A program cannot put anything into a map of maps, nor read through what it finds there.
func TestOuterFromPrograms(t *testing.T) {
	for name, body := range map[string]asm.Instructions{
		"programs can only look into": {
			asm.StoreImm(asm.RFP, -4, 0, asm.Word), asm.LoadMapPtr(asm.R1, 0).WithReference("outer"), asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4), asm.Mov.Reg(asm.R3, asm.R2), asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(), asm.Return()},
		"outside guest memory": {
			asm.StoreImm(asm.RFP, -4, 0, asm.Word), asm.LoadMapPtr(asm.R1, 0).WithReference("outer"), asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4), asm.FnMapLookupElem.Call(), asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord), asm.Return()},
	} {
		spec := outerSpec(ebpf.ArrayOfMaps)
		spec.Programs["sum"].Instructions = body
		for _, engine := range rivet.Engines() {
			c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine})
			if err != nil {
				t.Fatal(err)
			}
			m, err := c.NewMap(innerSpec)
			if err == nil {
				err = c.Maps["outer"].Put(uint32(0), m)
			}
			if err != nil {
				t.Fatal(err)
			}
			var f *rivet.Fault
			if _, err := c.Programs["sum"].Run(nil); !errors.As(err, &f) || !strings.Contains(err.Error(), name) {
				t.Errorf("%v: %v, want a fault with %q", engine, err, name)
			}
			c.Close()
		}
	}
}

// Maps that nobody can go through dump as empty, tries with their keys as they are declared.
func TestDumpKinds(t *testing.T) {
	for _, c := range []struct{ object, name, want string }{
		{"queue", "queue", "[]"},
		{"queue", "stack", "[]"},
		{"bloom", "odd", "[]"},
		{"arena", "arena", "[]"},
		{"stacks", "traces", "[]"},
		{"mapinmap", "outer", `[{"key":0,"value":"one"},{"key":2,"value":"two"}]`},
		{"lpm", "trie", `[{"key":{"len":24,"addr":[10,1,2,0]},"value":7}]`},
	} {
		m := loadWorld(t, c.object, rivet.EngineInterp).Maps[c.name]
		if c.name == "trie" {
			if err := m.Put([]byte{24, 0, 0, 0, 10, 1, 2, 0}, uint64(7)); err != nil {
				t.Fatal(err)
			}
		}
		if c.name == "queue" {
			if err := m.Put(nil, make([]byte, 13)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := m.DumpJSON(); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
}
