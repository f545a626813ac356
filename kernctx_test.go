package rivet_test

import (
	"testing"

	"github.com/rivetbpf/rivet"
)

// One structure does for all repetitions of a run; it is there again in the next run, whatever it was before.
func TestKernelContextRepeats(t *testing.T) {
	spec, err := rivet.LoadCollectionSpec("testdata/world/kernctx.o")
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range rivet.Engines() {
		c, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: engine, MaxMemory: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, n := range []uint64{60, 80} {
			for _, program := range []string{"cls", "frame"} {
				if _, err := c.Programs[program].Run(&rivet.RunOptions{Data: make([]byte, n), Repeat: 20000}); err != nil {
					t.Fatalf("%v: %v", engine, err)
				}
			}
			var long, length uint64
			if err := c.Maps["notes"].Lookup(uint32(0), &length); err != nil || length != n {
				t.Errorf("%v: skb->len is %d, %v", engine, length, err)
			}
			if err := c.Maps["notes"].Lookup(uint32(24), &long); err != nil || long != n {
				t.Errorf("%v: an XDP frame of %d bytes, %v", engine, long, err)
			}
		}
	}
}
