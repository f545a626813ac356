package rivet_test

import (
	"testing"

	"github.com/rivetbpf/rivet"
)

// Pages of an arena hold lists whose pointers are of the other address space, on every engine.
func TestArena(t *testing.T) {
	spec, err := rivet.LoadCollectionSpec("testdata/world/arena.o")
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range rivet.Engines() {
		t.Run(engine.String(), func(t *testing.T) {
			c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			run := func(name string, want int32) {
				t.Helper()
				if ret, err := c.Programs[name].Run(nil); err != nil || int32(ret) != want {
					t.Fatalf("%s returned %d, %v, want %d", name, int32(ret), err, want)
				}
			}
			note := func(i uint32, want uint64) {
				t.Helper()
				var v uint64
				if err := c.Maps["notes"].Lookup(i, &v); err != nil || v != want {
					t.Fatalf("note %d is %d, %v, want %d", i, v, err, want)
				}
			}
			run("pages", 0)
			for i, want := range []uint64{0, 0, 0, 0, 1, 0, 3} {
				note(uint32(i)+5, want)
			}
			for i := range uint64(10) {
				run("list", 0)
				note(0, (i+1)*(i+2)/2)
				note(1, i+1)
			}
			run("list", -1) // there is no page left
			for i := range uint64(10) {
				run("drop", 0)
				note(2, 10-i)
				note(3, 1)
				note(4, 0)
			}
			run("drop", -1)
			run("pages", 0)
		})
	}
}
