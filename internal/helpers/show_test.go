package helpers

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/maps"
)

// specOf is BTF with those types, and the number of the last.
func specOf(t *testing.T, types ...btf.Type) (*btf.Spec, btf.TypeID) {
	t.Helper()
	b, err := btf.NewBuilder(types, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	last, err := spec.AnyTypeByName(types[len(types)-1].TypeName())
	if err != nil {
		t.Fatal(err)
	}
	id, err := spec.TypeID(last)
	if err != nil {
		t.Fatal(err)
	}
	return spec, id
}

func showIn(t *testing.T, run *Run, mem []byte, at uint64, id btf.TypeID, flags uint64) (r0, seq uint64) {
	t.Helper()
	binary.LittleEndian.PutUint64(mem, at+128)
	binary.LittleEndian.PutUint32(mem[8:], uint32(id))
	r0, err := run.Helper(bpf.CallHelper, 149, &[5]uint64{at + 16, 100, at, 16, flags})
	if err != nil {
		t.Fatal(err)
	}
	seq, err = run.Helper(bpf.CallHelper, 150, &[5]uint64{0, at, 16, flags})
	if err != nil {
		t.Fatal(err)
	}
	return r0, seq
}

// What an iterator prints is what a string gets; one that is too short is cut, not what is counted.
func TestShowToIterator(t *testing.T) {
	i32 := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	pair := &btf.Struct{Name: "pair", Size: 8, Members: []btf.Member{{Name: "a", Type: i32}, {Name: "b", Type: i32, Offset: 32}}}
	run, mem, at := world(t, nil)
	spec, id := specOf(t, i32, pair)
	run.World.Types = spec
	binary.LittleEndian.PutUint32(mem[132:], 0xfffffff9)
	want := "(struct pair){\n .b = (int)-7,\n}\n"
	r0, seq := showIn(t, run, mem, at, id, 0)
	text, _ := untilNUL(mem[16:])
	if r0 != uint64(len(want)) || seq != 0 || string(text) != want || string(run.Effects.Seq) != want {
		t.Errorf("gives %d and %d, %q, %q, wanted %q", r0, seq, text, run.Effects.Seq, want)
	}
	r0, err := run.Helper(bpf.CallHelper, 149, &[5]uint64{at + 16, 8, at, 16, 0})
	if text, _ = untilNUL(mem[16:]); err != nil || r0 != uint64(len(want)) || string(text) != want[:7] {
		t.Errorf("cut: %d, %v, %q", r0, err, text)
	}
	run.Effects.Seq = make([]byte, maxSeq-3)
	if _, seq := showIn(t, run, mem, at, id, 0); seq != maps.Guest(maps.EOVERFLOW) || len(run.Effects.Seq) != maxSeq {
		t.Errorf("full: %#x, %d bytes", seq, len(run.Effects.Seq))
	}
}

// Types that nobody vouched for end somewhere, and show no memory but the object's.
func TestShowHostileTypes(t *testing.T) {
	u8 := &btf.Int{Name: "u8", Size: 1}
	self := &btf.Struct{Name: "self", Size: 8}
	self.Members = []btf.Member{{Name: "s", Type: self}}
	empty := &btf.Struct{Name: "empty"}
	wide := &btf.Struct{Name: "wide", Size: 8, Members: []btf.Member{{Name: "x", Type: u8, Offset: 8 << 20}, {Name: "y", Type: &btf.Int{Name: "u32", Size: 4}, BitfieldSize: 24}}}
	many := &btf.Typedef{Name: "many", Type: &btf.Array{Index: u8, Type: empty, Nelems: math.MaxUint32}}
	loop := &btf.Typedef{Name: "loop"}
	loop.Type = &btf.Pointer{Target: loop}
	float := &btf.Float{Name: "float", Size: 4}
	fwd := &btf.Fwd{Name: "fwd"}
	for _, test := range []struct {
		typ  btf.Type
		want uint64
		text string
	}{
		{self, maps.Guest(maps.E2BIG), ""},
		{many, maps.Guest(maps.E2BIG), ""},
		{wide, maps.Guest(maps.EFAULT), "(struct wide){.y = (u32)0x20100,}"},
		{loop, uint64(len("0x0706050403020100")), "0x0706050403020100"},
		{float, uint64(len("<unsupported kind:16>")), "<unsupported kind:16>"},
		{fwd, uint64(len("<unsupported kind:7>")), "<unsupported kind:7>"},
	} {
		run, mem, at := world(t, nil)
		for i := range 8 {
			mem[128+i] = byte(i)
		}
		spec, id := specOf(t, test.typ)
		run.World.Types = spec
		r0, _ := showIn(t, run, mem, at, id, showCompact)
		if text, _ := untilNUL(mem[16:]); r0 != test.want || test.text != "" && string(text) != test.text {
			t.Errorf("%s: %#x, wanted %#x: %q", test.typ.TypeName(), r0, test.want, text)
		}
	}
}

// Showing takes no memory of the host's.
func TestShowAllocatesNothing(t *testing.T) {
	u8 := &btf.Int{Name: "u8", Size: 1}
	color := &btf.Enum{Name: "color", Size: 4, Values: []btf.EnumValue{{Name: "RED", Value: 1}}}
	all := &btf.Struct{Name: "all", Size: 32, Members: []btf.Member{{Name: "c", Type: color}, {Name: "d", Type: color, Offset: 32},
		{Name: "p", Type: &btf.Pointer{Target: u8}, Offset: 64}, {Name: "a", Type: &btf.Array{Index: u8, Type: u8, Nelems: 8}, Offset: 128},
		{Name: "b", Type: u8, Offset: 192, BitfieldSize: 3}}}
	run, mem, at := world(t, nil)
	spec, id := specOf(t, all)
	run.World.Types = spec
	copy(mem[128:], "\x01\x00\x00\x00\x07\x00\x00\x00pointer.letters\x00\x05")
	binary.LittleEndian.PutUint64(mem, at+128)
	binary.LittleEndian.PutUint32(mem[8:], uint32(id))
	args := [5]uint64{at + 16, 100, at, 16, showCompact}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := run.Helper(bpf.CallHelper, 149, &args); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if text, _ := untilNUL(mem[16:]); !strings.HasPrefix(string(text), "(struct all){.c = (enum color)RED,.d = (enum color)7,.p = (u8 *)0x") {
		t.Errorf("shows %q", text)
	}
}
