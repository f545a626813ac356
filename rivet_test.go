package rivet_test

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

func spec(t testing.TB, name string) *ebpf.CollectionSpec {
	t.Helper()
	s, err := ebpf.LoadCollectionSpec("testdata/face/" + name + ".o")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFirst(t *testing.T) {
	c, err := rivet.NewCollection(spec(t, "basic"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for slot := byte(0); slot < 5; slot++ {
		ret, out, err := c.Programs["entry"].Test([]byte{slot, 1, 2})
		t.Log(slot, ret, out, err)
	}
	for name, p := range c.Programs {
		ret, out, err := p.Test([]byte{14: 0})
		t.Log(name, ret, out, err)
	}
	for name, m := range c.Maps {
		b, err := m.LookupBytes(uint32(0))
		t.Log(name, b, err)
	}
}
