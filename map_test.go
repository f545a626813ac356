package rivet_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

func TestArray(t *testing.T) {
	c := load(t, spec(t, "basic"), rivet.CollectionOptions{})
	m := c.Maps["counts"]
	if m.Type() != ebpf.Array || m.KeySize() != 4 || m.ValueSize() != 8 || m.MaxEntries() != 4 || m.Name() != "counts" {
		t.Errorf("definition is %v, %d, %d, %d", m, m.KeySize(), m.ValueSize(), m.MaxEntries())
	}
	is := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	is("put", m.Put(uint32(3), uint64(5)), nil)
	is("put bytes", m.Put([]byte{2, 0, 0, 0}, []byte{1, 2, 0, 0, 0, 0, 0, 0}), nil)
	is("put struct", m.Put(struct{ K uint32 }{1}, struct{ A, B uint32 }{1, 2}), nil)
	is("update exist", m.Update(uint32(0), uint64(9), ebpf.UpdateExist), nil)
	is("update noexist", m.Update(uint32(0), uint64(9), ebpf.UpdateNoExist), ebpf.ErrKeyExist)
	is("update beyond", m.Put(uint32(4), uint64(9)), syscall.E2BIG)
	is("update with lock", m.Update(uint32(0), uint64(9), ebpf.UpdateLock), syscall.EINVAL)
	is("delete", m.Delete(uint32(0)), syscall.EINVAL)
	var v uint64
	is("lookup beyond", m.Lookup(uint32(4), &v), ebpf.ErrKeyNotExist)
	is("lookup beyond", m.Lookup(uint32(4), &v), syscall.ENOENT)
	for i, want := range []uint64{9, 2<<32 | 1, 0x201, 5} {
		if err := m.Lookup(uint32(i), &v); err != nil || v != want {
			t.Errorf("value %d is %#x, %v; want %#x", i, v, err, want)
		}
	}
	if b, err := m.LookupBytes(uint32(9)); b != nil || err != nil {
		t.Errorf("LookupBytes beyond: %v, %v", b, err)
	}
	for _, bad := range []any{nil, uint64(1), []byte{1}, "key", 1} {
		if err := m.Put(bad, uint64(1)); err == nil {
			t.Errorf("key %v is accepted", bad)
		}
	}
	if err := m.Put(uint32(1), uint32(1)); err == nil {
		t.Error("a value of 4 bytes is accepted")
	}
	if err := m.Put(uint32(1), c.Programs["count"]); err == nil {
		t.Error("a program fits into an array")
	}
	m.Freeze()
	is("put into frozen", m.Put(uint32(0), uint64(1)), syscall.EPERM)
}

func TestIterate(t *testing.T) {
	c := load(t, spec(t, "basic"), rivet.CollectionOptions{})
	for i := range uint32(4) {
		if err := c.Maps["counts"].Put(i, uint64(i)*10); err != nil {
			t.Fatal(err)
		}
	}
	var k uint32
	var v, sum uint64
	var keys []uint32
	it := c.Maps["counts"].Iterate()
	for it.Next(&k, &v) {
		keys = append(keys, k)
		sum += v
	}
	if it.Err() != nil || sum != 60 || !reflect.DeepEqual(keys, []uint32{0, 1, 2, 3}) {
		t.Errorf("keys %v, sum %d, %v", keys, sum, it.Err())
	}
	var p *rivet.Program
	got := map[uint32]string{}
	it = c.Maps["jump"].Iterate()
	for it.Next(&k, &p) {
		got[k] = p.Name()
	}
	if want := map[uint32]string{1: "count", 3: "other"}; it.Err() != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("jump holds %v, %v; want %v", got, it.Err(), want)
	}
	if err := c.Maps["jump"].NextKey(uint32(3), &k); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("key after the last: %v", err)
	}
}

// Putting a program of another type into the array is refused when it is put
// there, with both types named (property 8 of the tail-call contract).
func TestProperty8ProgramOfAnotherTypeIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		jump := c.Maps["jump"]
		err := jump.Put(uint32(0), c.Programs["mark"])
		if err == nil || !strings.Contains(err.Error(), "SchedCLS") || !strings.Contains(err.Error(), "XDP") {
			t.Errorf("a tc program among XDP programs: %v", err)
		}
		var p *rivet.Program
		if err := jump.Lookup(uint32(0), &p); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("slot 0 holds %v, %v", p, err)
		}
		if err := jump.Lookup(uint32(3), &p); err != nil || p != c.Programs["other"] {
			t.Errorf("slot 3 holds %v, %v", p, err)
		}
		other := load(t, spec(t, "basic"), opts)
		for _, bad := range []any{uint32(1), (*rivet.Program)(nil), other.Programs["count"], "count"} {
			if err := jump.Put(uint32(0), bad); err == nil {
				t.Errorf("%v (%T) can be put into a program array", bad, bad)
			}
		}
		if err := jump.Put(uint32(4), c.Programs["count"]); !errors.Is(err, syscall.E2BIG) {
			t.Errorf("slot 4 of 4: %v", err)
		}
		if err := jump.Delete(uint32(0)); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("delete of an empty slot: %v", err)
		}
	})
}

// Programs of two types that use one array make no collection, as in Linux.
func TestProgramArrayOwners(t *testing.T) {
	s := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"jump": {Name: "jump", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}},
		Programs: map[string]*ebpf.ProgramSpec{
			"a": {Name: "a", Type: ebpf.XDP, Instructions: tailCall()},
			"b": {Name: "b", Type: ebpf.SocketFilter, Instructions: tailCall()},
		},
	}
	_, err := rivet.NewCollection(s)
	if err == nil || !strings.Contains(err.Error(), "SocketFilter") || !strings.Contains(err.Error(), "XDP") {
		t.Errorf("error is %v", err)
	}
	delete(s.Programs, "b")
	load(t, s, rivet.CollectionOptions{})
}

func tailCall() asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R2, 0).WithReference("jump"),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnTailCall.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
}

// One error names all that is missing.
func TestMissing(t *testing.T) {
	insns := func(ids ...asm.BuiltinFunc) (l asm.Instructions) {
		for _, id := range ids {
			l = append(l, id.Call())
		}
		return append(l, asm.Mov.Imm(asm.R0, 0), asm.Return())
	}
	_, err := rivet.NewCollection(&ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"h": {Name: "h", Type: 9998, KeySize: 4, ValueSize: 4, MaxEntries: 1},
			"s": {Name: "s", Type: 9997, KeySize: 4, ValueSize: 8, MaxEntries: 1},
			"k": {Name: "k", Type: ebpf.Array, KeySize: 8, ValueSize: 8, MaxEntries: 1},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			"a": {Name: "a", Type: ebpf.XDP, Instructions: insns(asm.FnKtimeGetNs, asm.FnSysBpf)},
			"b": {Name: "b", Type: ebpf.XDP, Instructions: insns(asm.FnSysBpf, 7777)},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"h" (MapType(9998))`, `"s" (MapType(9997))`, `"k" (Array): key size is 8`,
		"helper 166 (sys_bpf) (used by a, b)", "helper 7777 (used by b)"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "ktime") {
		t.Errorf("error %q names what is there", err)
	}
}

func TestNativeEngine(t *testing.T) {
	if slices.Contains(rivet.Engines(), rivet.EngineNative) {
		c := load(t, spec(t, "basic"), rivet.CollectionOptions{}) // the best engine comes first
		if c.Engine() != rivet.EngineNative {
			t.Errorf("the default engine is %v", c.Engine())
		}
		return
	}
	_, err := rivet.NewCollectionWithOptions(spec(t, "basic"), rivet.CollectionOptions{Engine: rivet.EngineNative})
	if !errors.Is(err, rivet.ErrNotSupported) || !strings.Contains(err.Error(), "interp") {
		t.Errorf("native engine: %v", err)
	}
}

func TestMaxMemory(t *testing.T) {
	_, err := rivet.NewCollectionWithOptions(spec(t, "basic"), rivet.CollectionOptions{MaxMemory: 4096})
	if err == nil || !strings.Contains(err.Error(), "the limit is 4096") {
		t.Errorf("4 KiB of memory: %v", err)
	}
	c := load(t, spec(t, "basic"), rivet.CollectionOptions{MaxMemory: 64 << 10})
	run(t, c, "entry", nil)
}

func TestDump(t *testing.T) {
	c := load(t, spec(t, "basic"), rivet.CollectionOptions{})
	flow := make([]byte, 40)
	copy(flow, []byte{1, 2, 3, 4, 80, 0, 5 | 9<<3, 0, 6, 0, 0, 0, 'a', '"', 0xe9, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x80, 0xaa})
	copy(flow[32:], []byte{0xff, 0xff, 2, 0, 3, 0, 4, 0})
	if err := c.Maps["flows"].Put(uint32(1), flow); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"flows": `[{"key":1,"value":{"addr":67305985,"port":80,"flags":5,"ttl":9,"pad":0,"kind":"KIND_V6","name":"a\"é",` +
			`"word":2147483903,"bytes":[255,0,0,128],"next":"0xaa","at":[{"x":-1,"y":2},{"x":3,"y":4}]}}]`,
		"jump":   `[{"key":1,"value":"count"},{"key":3,"value":"other"}]`,
		"counts": `[]`,
		".bss":   `{"seen":0}`,
	} {
		b, err := c.Maps[name].DumpJSON()
		if err != nil || !json.Valid(b) || string(b) != want {
			t.Errorf("%s: %s, %v; want\n%s", name, b, err, want)
		}
	}
	b, err := c.Maps[".data"].DumpJSON()
	if err != nil || !strings.Contains(string(b), `"level":-7`) || !strings.Contains(string(b), `"last":{"addr":0,"port":80`) {
		t.Errorf(".data: %s, %v", b, err)
	}
}
