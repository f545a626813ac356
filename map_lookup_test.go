package rivet_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// lookups is how many lookups the program below does in a run.
const lookups = 100

// lookupProgram returns how many of the keys 1 to lookups there are.
func lookupProgram(typ ebpf.MapType) *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"m": {Name: "m", Type: typ, KeySize: 4, ValueSize: 8, MaxEntries: 1000}},
		Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: ebpf.XDP, Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R6, lookups),
			asm.Mov.Imm(asm.R7, 0),
			asm.StoreMem(asm.RFP, -4, asm.R6, asm.Word).WithSymbol("loop"),
			asm.LoadMapPtr(asm.R1, 0).WithReference("m"),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "next"),
			asm.Add.Imm(asm.R7, 1),
			asm.Sub.Imm(asm.R6, 1).WithSymbol("next"),
			asm.JNE.Imm(asm.R6, 0, "loop"),
			asm.Mov.Reg(asm.R0, asm.R7),
			asm.Return(),
		}}},
	}
}

func loadLookups(t testing.TB, typ ebpf.MapType, engine rivet.Engine) *rivet.Program {
	t.Helper()
	c, err := rivet.NewCollectionWithOptions(lookupProgram(typ), rivet.CollectionOptions{Engine: engine, CPUs: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for key := uint32(1); key <= 2*lookups; key += 2 {
		var value any = uint64(key)
		if typ == ebpf.PerCPUArray || typ == ebpf.PerCPUHash || typ == ebpf.LRUCPUHash {
			value = []uint64{1, 2}
		}
		if err := c.Maps["m"].Put(key, value); err != nil {
			t.Fatal(err)
		}
	}
	return c.Programs["p"]
}

var keyedTypes = []ebpf.MapType{ebpf.Array, ebpf.PerCPUArray, ebpf.Hash, ebpf.PerCPUHash, ebpf.LRUHash, ebpf.LRUCPUHash}

// A guest's lookups allocate nothing, on any engine.
func TestLookupAllocates(t *testing.T) {
	for _, engine := range rivet.Engines() {
		for _, typ := range keyedTypes {
			p := loadLookups(t, typ, engine)
			want := uint32(lookups / 2)
			if typ == ebpf.Array || typ == ebpf.PerCPUArray {
				want = lookups
			}
			opts := &rivet.RunOptions{Data: make([]byte, 64)}
			if n := testing.AllocsPerRun(50, func() {
				if found, err := p.Run(opts); err != nil || found != want {
					t.Errorf("%v, %v: %d found, %v", engine, typ, found, err)
				}
			}); n != 0 {
				t.Errorf("%v, %v: %v allocations in %d lookups", engine, typ, n, lookups)
			}
		}
	}
}

// BenchmarkLookup gives the time of a lookup by a guest, its loop included.
func BenchmarkLookup(b *testing.B) {
	for _, typ := range keyedTypes {
		b.Run(fmt.Sprint(typ), func(b *testing.B) {
			p := loadLookups(b, typ, rivet.EngineDefault)
			opts := &rivet.RunOptions{Data: make([]byte, 64)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Run(opts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lookups, "ns/lookup")
		})
	}
}

// Map has every method that cilium/ebpf's has, but those that only a kernel can answer.
func TestMapHasCiliumsMethods(t *testing.T) {
	leftOut := []string{"FD", "Handle", "Memory", "Pin", "Unpin"}
	// What has types of this package.
	own := map[string]bool{"BatchLookup": true, "BatchLookupAndDelete": true, "Clone": true, "Info": true, "Iterate": true}
	theirs, ours := reflect.TypeFor[*ebpf.Map](), reflect.TypeFor[*rivet.Map]()
	for i := range theirs.NumMethod() {
		name := theirs.Method(i).Name
		m, ok := ours.MethodByName(name)
		if slices.Contains(leftOut, name) {
			if ok {
				t.Errorf("%s is there", name)
			}
			continue
		}
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		its := theirs.Method(i).Type
		if m.Type.NumIn() != its.NumIn() || m.Type.NumOut() != its.NumOut() {
			t.Errorf("%s is %v, cilium/ebpf's %v", name, m.Type, its)
			continue
		}
		for j := 1; j < its.NumIn() && !own[name]; j++ {
			if m.Type.In(j) != its.In(j) {
				t.Errorf("%s is %v, cilium/ebpf's %v", name, m.Type, its)
			}
		}
		for j := 0; j < its.NumOut() && !own[name]; j++ {
			if m.Type.Out(j) != its.Out(j) {
				t.Errorf("%s is %v, cilium/ebpf's %v", name, m.Type, its)
			}
		}
	}
}
