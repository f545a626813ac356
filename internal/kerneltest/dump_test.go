//go:build linux

package kerneltest

import (
	"testing"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/kernel"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// Maps of every kind are the same JSON on both sides: values by type, one for each processor where there are more, keys in order.
func TestKernelDumpsAgree(t *testing.T) {
	testenv.NeedBPF(t)
	fill := func(s *Session) {
		for _, m := range hashUsers {
			s.fill(m, 9)
		}
		s.Quiet("entry", packet64)
	}
	sc := Script{Object: "hash_users"}
	k, err := kernel.Load(sc.spec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	c, err := rivet.NewCollection(sc.spec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fill(NewKernelSession(k))
	fill(NewSession(c))
	for _, name := range hashUsers {
		want, err := k.Dump(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Maps[name].DumpJSON()
		if err != nil || string(got) != string(want) || len(got) < 100 {
			t.Errorf("%s: %s, %v\nLinux: %s", name, got, err, want)
		}
	}
}
