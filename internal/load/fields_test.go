package load

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

func named(name string, size uint32) *btf.Struct { return &btf.Struct{Name: name, Size: size} }

func TestFieldsOfMap(t *testing.T) {
	u64 := &btf.Int{Name: "u64", Size: 8}
	node := &btf.Struct{Name: "node", Size: 40, Members: []btf.Member{
		{Name: "key", Type: u64},
		{Name: "rb", Type: named("bpf_rb_node", 32), Offset: 64},
	}}
	value := &btf.Struct{Name: "value", Size: 80, Members: []btf.Member{
		{Name: "p", Type: &btf.Pointer{Target: &btf.TypeTag{Type: node, Value: "kptr"}}, Offset: 24 * 8},
		{Name: "n", Type: u64},
		{Name: "lock", Type: &btf.Typedef{Name: "lock_t", Type: named("bpf_spin_lock", 4)}, Offset: 8 * 8},
		{Name: "timers", Type: &btf.Array{Nelems: 2, Type: &btf.Struct{Size: 24, Members: []btf.Member{
			{Name: "id", Type: u64}, {Name: "timer", Type: named("bpf_timer", 16), Offset: 64}}}}, Offset: 32 * 8},
	}}
	c, err := newCollection(&ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": {Type: ebpf.Array, KeySize: 4, ValueSize: 80, MaxEntries: 1, Value: value}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := c.maps[0]
	var got []uint32
	for _, f := range m.Fields {
		got = append(got, uint32(f.Kind), f.Offset, f.Size)
	}
	want := []uint32{uint32(bpf.SpinLock), 8, 4, uint32(bpf.Kptr), 24, 8, uint32(bpf.Timer), 40, 16, uint32(bpf.Timer), 64, 16}
	if !slices.Equal(got, want) {
		t.Errorf("fields are %v, want %v", got, want)
	}
	if m.SpinLock() != 8 || !m.Owns() || m.Fields[1].Elem == nil || m.Fields[1].Elem.Fields[0].Kind != bpf.RbNode {
		t.Errorf("fields are %+v", m.Fields)
	}
	src, dst := make([]byte, 80), make([]byte, 80)
	for i := range src {
		src[i] = 1
	}
	bpf.CopyFields(m.Fields, dst, src)
	for i, b := range dst {
		special := i >= 8 && i < 12 || i >= 24 && i < 32 || i >= 40 && i < 56 || i >= 64
		if (b == 0) != special {
			t.Fatalf("byte %d of the copy is %d: %v", i, b, dst)
		}
	}
}

func TestFieldsRefused(t *testing.T) {
	timer := named("bpf_timer", 16)
	for _, test := range []struct {
		value btf.Type
		tags  []string
		want  string
	}{
		{&btf.Array{Nelems: 12, Type: timer}, nil, "more than 11 special fields"},
		{named("bpf_list_head", 16), []string{"contains:nothing:node"}, "names no structure"},
	} {
		value := &btf.Struct{Name: "v", Size: 192, Members: []btf.Member{{Name: "f", Type: test.value, Tags: test.tags}}}
		_, err := newCollection(&ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": {Type: ebpf.Array, Value: value}}}, Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error is %v, want %q", err, test.want)
		}
	}
}
