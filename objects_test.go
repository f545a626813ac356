package rivet_test

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// storageSpec is a program that counts in the storage of the object which its context points to.
func storageSpec(kind ebpf.MapType, get asm.BuiltinFunc) *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"m": {Name: "m", Type: kind, KeySize: 4, ValueSize: 8, Flags: 1}},
		Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.LSM, License: "GPL", Instructions: asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
			asm.LoadMapPtr(asm.R1, 0).WithReference("m"),
			asm.Mov.Imm(asm.R3, 0),
			asm.Mov.Imm(asm.R4, 1),
			get.Call(),
			asm.JEq.Imm(asm.R0, 0, "none"),
			asm.Mov.Imm(asm.R1, 1),
			asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
			asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord),
			asm.Return().WithSymbol("none"),
		}}},
	}
}

func TestStorageOfContextsObject(t *testing.T) {
	for kind, c := range map[string]struct {
		m   ebpf.MapType
		get asm.BuiltinFunc
		id  uint32
	}{
		"inode":       {ebpf.InodeStorage, asm.FnInodeStorageGet, 1234},
		"task_struct": {ebpf.TaskStorage, asm.FnTaskStorageGet, uint32(os.Getpid())},
		"cgroup":      {ebpf.CgroupStorage, 210, 55},
	} {
		for _, engine := range rivet.Engines() {
			coll, err := rivet.NewCollectionWithOptions(storageSpec(c.m, c.get), rivet.CollectionOptions{Engine: engine})
			if err != nil {
				t.Fatal(err)
			}
			defer coll.Close()
			at, err := coll.KernelObject(kind, uint64(c.id))
			if err != nil {
				t.Fatal(err)
			}
			for want := range uint32(3) {
				if got, err := coll.Programs["p"].Run(&rivet.RunOptions{Context: []uint64{at}}); err != nil || got != want+1 {
					t.Errorf("%v, %s: %d, %v; want %d", engine, kind, got, err, want+1)
				}
			}
			var value uint64
			if err := coll.Maps["m"].Lookup(c.id, &value); err != nil || value != 3 {
				t.Errorf("%v, %s: the map has %d, %v", engine, kind, value, err)
			}
			if _, err := coll.Programs["p"].Run(&rivet.RunOptions{Context: []uint64{at + 8}}); err == nil {
				t.Errorf("%v, %s: an address that is none passes", engine, kind)
			}
			if got, err := coll.Programs["p"].Run(&rivet.RunOptions{Context: []uint64{0}}); err != nil || got != 0 {
				t.Errorf("%v, %s: NULL has storage: %d, %v", engine, kind, got, err)
			}
			if _, err := coll.KernelObject("socket", 1); err == nil {
				t.Error("a struct that there is not")
			}
		}
	}
}
