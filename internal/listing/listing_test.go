package listing_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/inspect"
	"github.com/rivetbpf/rivet/internal/listing"
)

func list(t *testing.T, object string, scheme rivet.TailCalls, march string) *listing.Listing {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: rivet.EngineHart, TailCalls: scheme, March: march})
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	im, target, ok := inspect.Image(coll)
	if !ok {
		t.Fatal("no image")
	}
	l := listing.Make(inspect.Module(coll), im, target, nil)
	l.Object, l.March, l.TailCalls = filepath.Base(object), march, scheme.String()
	return l
}

// A listing leaves nothing out and shows nothing twice: the addresses of each
// function run without a gap from its first byte to its last, and every BPF
// instruction is there.
func TestComplete(t *testing.T) {
	objects, err := filepath.Glob("../../bench/obj/*.o")
	if err != nil || len(objects) == 0 {
		t.Fatal("no objects", err)
	}
	for _, object := range append(objects, "../../examples/dispatch/dispatch.o", "../../examples/tailcalls/tailcalls.o") {
		for _, scheme := range []rivet.TailCalls{rivet.TailCallsShared, rivet.TailCallsPropagated} {
			for _, march := range []string{"rv64gc", "rv64gc_zba_zbb"} {
				for _, f := range list(t, object, scheme, march).Funcs {
					complete(t, object, f)
				}
			}
		}
	}
}

func complete(t *testing.T, object string, f *listing.Func) {
	t.Helper()
	next, slots := f.Addr, map[int]bool{}
	for _, b := range f.Blocks {
		for _, in := range b.Code {
			if in.Addr != next {
				t.Fatalf("%s: %s: code at %#x is not listed, but at %#x", object, f.Name, next, in.Addr)
			}
			if in.Text == "" || strings.Contains(in.Text, "unknown") {
				t.Errorf("%s: %s: %#x: %s is %q", object, f.Name, in.Addr, in.Bytes, in.Text)
			}
			next += uint64(len(in.Bytes) / 2)
		}
		if b.Slot >= 0 {
			slots[b.Slot] = true
			if b.BPF == "" {
				t.Errorf("%s: %s: BPF instruction %d has no text", object, f.Name, b.Slot)
			}
		}
	}
	if next != f.Addr+uint64(f.Bytes) {
		t.Errorf("%s: %s: listed to %#x, ends at %#x", object, f.Name, next, f.Addr+uint64(f.Bytes))
	}
	for i := range f.BPFInsns {
		if !slots[i] && !slots[i-1] { // the second half of a 64-bit immediate has no line of its own
			t.Errorf("%s: %s: BPF instruction %d is not listed", object, f.Name, i)
		}
	}
}
