package migrate

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
)

// packet returns an Ethernet frame with an IPv4 header from 10.0.0.src.
func packet(src, protocol byte) []byte {
	p := make([]byte, 60)
	p[12] = 8 // ETH_P_IP
	p[14] = 0x45
	p[23] = protocol
	p[26], p[29] = 10, src
	return p
}

func verdict(t *testing.T, p *ebpf.Program, in []byte) uint32 {
	t.Helper()
	v, out, err := p.Test(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != len(in) {
		t.Errorf("the packet has %d bytes afterwards, %d before", len(out), len(in))
	}
	return v
}

func TestLimiter(t *testing.T) {
	setup(t)
	spec, err := loadLimiter()
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Variables["limit"].Set(uint32(3)); err != nil {
		t.Fatal(err)
	}
	var objs limiterObjects
	if err := spec.LoadAndAssign(&objs, nil); err != nil {
		t.Fatal(err)
	}
	defer objs.Close()

	for i, want := range []uint32{2, 2, 2, 1, 1} { // XDP_PASS, then XDP_DROP
		if got := verdict(t, objs.Limiter, packet(1, 17)); got != want {
			t.Errorf("packet %d: verdict %d, want %d", i, got, want)
		}
	}
	if got := verdict(t, objs.Limiter, packet(2, 1)); got != 3 { // ICMP: XDP_TX
		t.Errorf("ICMP: verdict %d, want 3", got)
	}

	var dropped uint64
	if err := objs.Dropped.Get(&dropped); err != nil || dropped != 2 {
		t.Errorf("dropped is %d, %v, want 2", dropped, err)
	}
	var s limiterStats
	if err := objs.Sources.Lookup([4]byte{10, 0, 0, 1}, &s); err != nil || s.Packets != 5 || s.Bytes != 180 {
		t.Errorf("source 1 has %+v, %v", s, err)
	}
	if err := objs.Sources.Lookup([4]byte{10, 0, 0, 3}, &s); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("a source that sent nothing: %v", err)
	}
	if err := objs.Sources.Update([4]byte{10, 0, 0, 1}, &s, ebpf.UpdateNoExist); !errors.Is(err, ebpf.ErrKeyExist) {
		t.Errorf("UpdateNoExist of a source that is there: %v", err)
	}
	var key uint32
	n, it := 0, objs.Sources.Iterate()
	for it.Next(&key, &s) {
		n++
	}
	if it.Err() != nil || n != 2 {
		t.Errorf("%d sources, %v, want 2", n, it.Err())
	}
	var perCPU []uint64
	if err := objs.Total.Lookup(uint32(0), &perCPU); err != nil {
		t.Fatal(err)
	}
	if len(perCPU) != ebpf.MustPossibleCPU() {
		t.Errorf("the total has %d values for %d processors", len(perCPU), ebpf.MustPossibleCPU())
	}
	var sum uint64
	for _, v := range perCPU {
		sum += v
	}
	if sum != 6 {
		t.Errorf("the total is %d, want 6", sum)
	}
}

// Structs may ask for a part, and then what they need is loaded with it.
func TestPart(t *testing.T) {
	setup(t)
	var part struct {
		limiterPrograms
		Protocols *ebpf.Map `ebpf:"protocols"`
		Other     string
	}
	if err := loadLimiterObjects(&part, &ebpf.CollectionOptions{}); err != nil {
		t.Fatal(err)
	}
	defer part.limiterPrograms.Close()
	if part.Limiter.Type() != ebpf.XDP || part.Protocols.Type() != ebpf.ProgramArray {
		t.Errorf("limiter is of type %v, protocols of type %v", part.Limiter.Type(), part.Protocols.Type())
	}
	if err := part.Protocols.Put(uint32(17), part.Reflect); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, part.Limiter, packet(1, 17)); got != 3 {
		t.Errorf("UDP through the array: verdict %d, want 3", got)
	}
	if err := part.Protocols.Delete(uint32(17)); err != nil {
		t.Fatal(err)
	}
	if got := verdict(t, part.Limiter, packet(1, 17)); got != 2 {
		t.Errorf("UDP with an empty slot: verdict %d, want 2", got)
	}
}

func TestWrongStructs(t *testing.T) {
	setup(t)
	for name, to := range map[string]any{
		"nil":        nil,
		"no pointer": limiterObjects{},
		"no struct":  new(int),
		"missing": &struct {
			X *ebpf.Program `ebpf:"nothing"`
		}{},
		"wrong kind": &struct {
			X *ebpf.Map `ebpf:"limiter"`
		}{},
		"wrong type": &struct {
			X int `ebpf:"limiter"`
		}{},
		"twice": &struct {
			X, Y *ebpf.Program `ebpf:"reflect"`
		}{},
		"comma": &struct {
			X *ebpf.Program `ebpf:"reflect,x"`
		}{},
		"not exported": &struct {
			x *ebpf.Program `ebpf:"reflect"`
		}{},
		"nil inner": &struct{ *limiterMaps }{},
		"array": &struct {
			X *ebpf.Program `ebpf:"limiter"`
		}{}, // its program array would be emptied
	} {
		if err := loadLimiterObjects(to, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What is taken out of a collection lives on when that is closed.
func TestOwnership(t *testing.T) {
	setup(t)
	spec, err := loadLimiter()
	if err != nil {
		t.Fatal(err)
	}
	var specs limiterSpecs
	if err := spec.Assign(&specs); err != nil || specs.Sources.MaxEntries != 128 || specs.Limiter.Type != ebpf.XDP {
		t.Fatalf("specs: %v, %v", specs, err)
	}
	specs.Sources.MaxEntries = 1
	coll, err := ebpf.NewCollection(spec.Copy())
	if err != nil {
		t.Fatal(err)
	}
	limiter, sources := coll.DetachProgram("limiter"), coll.DetachMap("sources")
	var rest struct {
		Reflect *ebpf.Program `ebpf:"reflect"`
	}
	if err := coll.Assign(&rest); err != nil {
		t.Fatal(err)
	}
	if coll.Programs["reflect"] != nil || coll.DetachProgram("limiter") != nil || coll.DetachMap("sources") != nil {
		t.Error("what was taken out is still in the collection")
	}
	if err := coll.Assign(&rest); err == nil {
		t.Error("a program was taken out twice")
	}
	reflectOther := coll.Maps["protocols"]
	coll.Close()
	if reflectOther == nil {
		t.Error("the program array left the collection, too")
	}
	if got := verdict(t, limiter, packet(1, 17)); got != 2 {
		t.Errorf("after Close: verdict %d, want 2", got)
	}
	if got := verdict(t, limiter, packet(2, 17)); got != 0 { // XDP_ABORTED: the map is full
		t.Errorf("second source: verdict %d, want 0", got)
	}
	if sources.MaxEntries() != 1 || rest.Reflect.Close() != nil || limiter.Close() != nil {
		t.Error("closing failed")
	}
	if _, _, err := limiter.Test(packet(1, 17)); err == nil {
		t.Error("a closed program runs")
	}
}
