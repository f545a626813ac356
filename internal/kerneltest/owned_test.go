//go:build linux

package kerneltest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet"
)

// owned are programs that allocate objects, run one after the other on 64 bytes, with what Linux 6.18 gives when
// libbpf loads them: return value and the notes that are not 0.
var owned = []struct {
	object string
	steps  []string
}{
	{"objects", []string{
		"use 1:", "drop 1:", "make 0:", "use 0: 3=64 4=2", "use 0: 3=64 4=3", "make 0: 1=1 2=64 3=64 4=3", "use 0: 1=1 2=64 3=65 4=2",
		"drop 0: 1=1 2=64 3=65 4=2", "drop 1: 1=1 2=64 3=65 4=2", "use 1: 1=1 2=64 3=65 4=2", "many 0: 1=1 2=64 3=65 4=2 5=4c9", "make 0: 2=64 3=65 4=2 5=4c9"}},
	{"list", []string{
		"peek 0:", "take 0: 4=ffffffffffffffff 5=ffffffffffffffff", "fill 0: 4=ffffffffffffffff 5=ffffffffffffffff",
		"peek 0: 4=ffffffffffffffff 5=ffffffffffffffff 10=2 11=4", "take 0: 4=2 5=4 10=2 11=4", "drain 2: 4=2 5=4 6=1 7=3 10=2 11=4",
		"fill 0: 4=2 5=4 6=1 7=3 10=2 11=4", "fill 0: 4=2 5=4 6=1 7=3 10=2 11=4", "drain 8: 4=2 5=4 6=3 7=4 8=3 9=4 10=2 11=4", "peek 0: 4=2 5=4 6=3 7=4 8=3 9=4",
		"refill 0: 4=2 5=4 6=3 7=4 8=3 9=4", "empty 4: 4=2 5=4 6=3 7=4 8=3 9=4", "refill 0: 4=2 5=4 6=3 7=4 8=3 9=4", "drain 4: 4=2 5=4 6=3 7=1 8=2 9=4"}},
	{"rbtree", []string{
		"first 0: 0=ffffffffffffffff", "drain 0: 0=ffffffffffffffff", "fill 0: 0=ffffffffffffffff", "first 0:", "search 0: 1=5", "drain 12: 1=5",
		"fill 0: 1=5", "drain 12: 1=5", "search 0: 1=ffffffffffffffff"}},
	{"refcount", []string{
		"insert 0:", "insert 0:", "remove 0: 1=40 2=428", "remove 0: 1=40 2=428", "remove 1: 1=40 2=428",
		"twice 0: 1=40 2=428 4=ffffffffffffffea", "remove 0: 1=5 2=428 4=ffffffffffffffea"}},
	{"percpu_object", []string{"count 1:", "make 0:", "count 0: 2=68", "count 0: 2=d0", "make 0: 0=1 2=d0", "count 0: 0=1 2=68"}},
}

func TestOwnedObjects(t *testing.T) {
	for _, o := range owned {
		for _, engine := range rivet.Engines() {
			sc := Script{Object: o.object}
			c, err := rivet.NewCollectionWithOptions(sc.spec(t), rivet.CollectionOptions{Engine: engine, CPUs: 2})
			if err != nil {
				t.Fatal(err)
			}
			for i, step := range o.steps {
				name, _, _ := strings.Cut(step, " ")
				ret, err := c.Programs[name].Run(&rivet.RunOptions{Data: make([]byte, 64)})
				if err != nil {
					t.Fatalf("%s, %v: %s: %v", o.object, engine, name, err)
				}
				got := fmt.Sprintf("%s %d:", name, ret)
				notes := c.Maps["notes"]
				for k := range notes.MaxEntries() {
					b, err := notes.LookupBytes(k)
					if err != nil {
						t.Fatal(err)
					}
					if n := binary.LittleEndian.Uint64(b); n != 0 && !(o.object == "objects" && k == 0) { // fresh memory, which Linux does not clear
						got += fmt.Sprintf(" %d=%x", k, n)
					}
				}
				if got != step {
					t.Errorf("%s, %v, step %d: %s, in Linux %s", o.object, engine, i, got, step)
				}
			}
			if o.object == "rbtree" {
				checkTree(t, c)
			}
			c.Close()
		}
	}
}

// checkTree compares the order in which the tree gave its nodes: equal keys in the order of insertion.
func checkTree(t *testing.T, c *rivet.Collection) {
	b, err := c.Maps[".bss"].LookupBytes(uint32(0))
	if err != nil {
		t.Fatal(err)
	}
	want := []uint64{0xc, 0x16, 0x10000000f, 0x200000012, 0x300000015, 0x40000000e, 0x500000011, 0x600000014, 0x70000000d, 0x700000017, 0x800000010, 0x900000013}
	for i, w := range want {
		if got := binary.LittleEndian.Uint64(b[8*i:]); got != w {
			t.Errorf("node %d is %#x, in Linux %#x", i, got, w)
		}
	}
}
