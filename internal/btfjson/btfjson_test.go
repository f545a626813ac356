package btfjson

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"

	"github.com/cilium/ebpf/btf"
)

var (
	u8    = &btf.Int{Name: "unsigned char", Size: 1}
	char  = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	s16   = &btf.Int{Name: "short", Size: 2, Encoding: btf.Signed}
	u32   = &btf.Int{Name: "unsigned int", Size: 4}
	s64   = &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	u64   = &btf.Int{Name: "unsigned long", Size: 8}
	u128  = &btf.Int{Name: "__int128", Size: 16}
	yes   = &btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}
	color = &btf.Enum{Name: "color", Size: 4, Values: []btf.EnumValue{{Name: "RED", Value: 0}, {Name: "BLUE", Value: 0xffffffff}}}
	small = &btf.Enum{Name: "small", Size: 1, Signed: true, Values: []btf.EnumValue{{Name: "MINUS", Value: ^uint64(0)}}}
)

func f64(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }

func TestAppend(t *testing.T) {
	nested := &btf.Struct{Name: "outer", Size: 16, Members: []btf.Member{
		{Name: "a", Type: u32, Offset: 0},
		{Type: &btf.Union{Size: 4, Members: []btf.Member{
			{Name: "w", Type: u32},
			{Type: &btf.Struct{Size: 4, Members: []btf.Member{{Name: "lo", Type: s16}, {Name: "hi", Type: s16, Offset: 16}}}},
		}}, Offset: 32},
		{Name: "b", Type: u8, Offset: 64, BitfieldSize: 3},
		{Type: u8, Offset: 67, BitfieldSize: 2}, // padding
		{Name: "c", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Offset: 69, BitfieldSize: 12},
		{Name: "d", Type: small, Offset: 81, BitfieldSize: 2},
	}}
	wide := &btf.Struct{Size: 16, Members: []btf.Member{{Name: "x", Type: u8, BitfieldSize: 4}, {Name: "w", Type: u64, Offset: 4, BitfieldSize: 64}}}
	section := &btf.Datasec{Name: ".data", Size: 8, Vars: []btf.VarSecinfo{
		{Type: &btf.Var{Name: "n", Type: u32}, Offset: 4, Size: 4}, {Type: &btf.Var{Name: "m", Type: &btf.Volatile{Type: s16}}, Size: 2},
		{Type: &btf.Var{Name: "beyond", Type: u32}, Offset: 100, Size: 4}}}
	for _, test := range []struct {
		t    btf.Type
		raw  []byte
		want string
	}{
		{u8, []byte{200}, "200"},
		{char, []byte{200}, "-56"},
		{s64, []byte{0, 0, 0, 0, 0, 0, 0, 0x80}, "-9223372036854775808"},
		{u64, []byte{255, 255, 255, 255, 255, 255, 255, 255}, "18446744073709551615"},
		{u128, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0}, `"0xf0000000000000000000000000000001"`},
		{yes, []byte{1}, "true"},
		{yes, []byte{7}, "7"},
		{color, []byte{0, 0, 0, 0}, `"RED"`},
		{color, []byte{255, 255, 255, 255}, `"BLUE"`},
		{color, []byte{9, 0, 0, 0}, "9"},
		{small, []byte{255}, `"MINUS"`},
		{small, []byte{254}, "-2"},
		{&btf.Pointer{Target: u8}, []byte{0, 0x10, 0, 0, 0, 0, 0, 0}, `"0x1000"`},
		{&btf.Float{Size: 8}, f64(1.5), "1.5"},
		{&btf.Float{Size: 8}, f64(math.Inf(-1)), `"-Inf"`},
		{&btf.Float{Size: 4}, []byte{0xcd, 0xcc, 0xcc, 0x3d}, "0.1"},
		{&btf.Typedef{Name: "t", Type: &btf.Const{Type: u32}}, []byte{1, 0, 0, 0}, "1"},
		{&btf.Array{Type: s16, Nelems: 2}, []byte{255, 255, 3, 0}, "[-1,3]"},
		{&btf.Array{Type: &btf.Typedef{Name: "byte", Type: char}, Nelems: 6}, []byte("a\n\x80\x00b\x00"), `"a\n` + "\u0080" + `\u0000b"`},
		{&btf.Array{Type: &btf.Array{Type: u8, Nelems: 1}, Nelems: 2}, []byte{1, 2}, "[[1],[2]]"},
		{&btf.Array{Type: &btf.Struct{}, Nelems: math.MaxUint32}, nil, "[]"},
		{&btf.Array{Type: u32, Nelems: math.MaxUint32}, []byte{1, 0, 0, 0, 2}, "[1]"},
		{nested, []byte{1, 0, 0, 0, 2, 0, 255, 255, 0b111_00_101, 0b1111_1111, 0b10_1}, `{"a":1,"w":4294901762,"lo":2,"hi":-1,"b":5,"c":-1,"d":-2}`},
		{wide, []byte{0x15, 0x32, 0, 0, 0, 0, 0, 0, 0xfa}, `{"x":5,"w":11529215046068470561}`},
		{section, []byte{5, 0, 0, 0, 6, 0, 0, 0}, `{"n":6,"m":5,"beyond":null}`},
		{nil, []byte{1, 0xab}, `"01ab"`},
		{&btf.Void{}, []byte{1}, `"01"`},
		{u32, []byte{1}, "null"},
		{&btf.Pointer{}, nil, "null"},
	} {
		got := string(Append(nil, test.t, test.raw))
		if got != test.want || !json.Valid([]byte(got)) {
			t.Errorf("%v of % x: %s, want %s", test.t, test.raw, got, test.want)
		}
	}
}

// Whatever the bytes and however few, the result is JSON.
func FuzzAppend(f *testing.F) {
	spec, err := btf.LoadSpec("../../testdata/face/basic.o")
	if err != nil {
		f.Fatal(err)
	}
	var types []btf.Type
	for typ, err := range spec.All() {
		if err != nil {
			f.Fatal(err)
		}
		types = append(types, typ)
	}
	f.Add(uint16(3), []byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, i uint16, raw []byte) {
		typ := types[int(i)%len(types)]
		if got := Append(nil, typ, raw); !json.Valid(got) {
			t.Errorf("%v of % x: %s", typ, raw, got)
		}
	})
}
