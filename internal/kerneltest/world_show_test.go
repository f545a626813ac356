//go:build linux

package kerneltest

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet"
)

// kernelTypes are the types of this kernel. Where it tells none, objects are shown by the types they bring.
var kernelTypes = func() *btf.Spec {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil
	}
	return spec
}()

var showScripts = []Script{
	{Object: "showtypes", Options: rivet.CollectionOptions{KernelTypes: kernelTypes}, Do: func(s *Session) {
		s.Run("types", Input{})
		s.Run("refused", Input{})
		s.showAll()
	}},
	{Object: "names", Options: rivet.CollectionOptions{KernelTypes: kernelTypes, Ksyms: map[string]uint64{"schedule": 0xffff_ffff_8100_0000}},
		Do: func(s *Session) {
			s.Run("types", Input{})
			s.Run("symbols", Input{})
		}},
	{Object: "kernctx", Options: rivet.CollectionOptions{KernelTypes: kernelTypes}, Do: func(s *Session) {
		for _, p := range packets {
			for _, program := range []string{"cls", "changed", "cgroup", "frame"} {
				s.Run(program, Input{Packet: p})
			}
		}
	}},
	{Object: "taskstack", Do: func(s *Session) { s.Run("refused", Input{}) }},
}

// showAll shows memory as every type of the kernel that it can be, with all flags in turn.
func (s *Session) showAll() {
	if kernelTypes == nil {
		return
	}
	rng := rand.New(rand.NewPCG(1, 4))
	id := btf.TypeID(0)
	for t, err := range kernelTypes.All() {
		if err != nil {
			s.Logf("type %d: %v", id, err)
			return
		}
		if n, err := btf.Sizeof(t); err == nil && n > 0 && n <= 512 && rng.IntN(16) == 0 && showable(t) {
			s.showOne(rng, uint32(id), uint32(rng.IntN(16)))
		}
		id++
	}
}

// showable leaves out what Linux takes for a fault in itself.
func showable(t btf.Type) bool {
	switch t.(type) {
	case *btf.Void, *btf.Var, *btf.Datasec, *btf.Const, *btf.Volatile:
		return false
	}
	return true
}

// showOne shows random memory, much of it zeros, as a type. The addresses are those of nothing: Linux would hide them.
func (s *Session) showOne(rng *rand.Rand, id, flags uint32) {
	var given [528]byte
	sizes := [...]uint32{16384, 16384, 1, 100}
	binary.LittleEndian.PutUint32(given[:], id)
	binary.LittleEndian.PutUint32(given[4:], sizes[rng.IntN(len(sizes))])
	binary.LittleEndian.PutUint32(given[8:], flags|4) // BTF_F_PTR_RAW
	for i := 16; i < len(given); i++ {
		if rng.IntN(12) == 0 {
			given[i] = byte(rng.Uint32())
		}
	}
	if err := s.Map("givens").Update(uint32(0), given[:], ebpf.UpdateAny); err != nil {
		s.Logf("give: %v", err)
	}
	out := s.Quiet("given", Input{})
	text, err := s.Map("output").LookupBytes(uint32(0))
	s.Logf("type %d, flags %#x: %s, %v, %q", id, flags, out, err, text[:min(len(text), 16384)])
}
