package maps

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// What Linux refuses when a map is made, and sizes that no memory has.
func TestTargetDefinitions(t *testing.T) {
	def := func(typ ebpf.MapType, key, value, entries, flags uint32) *bpf.Map {
		return &bpf.Map{Name: "m", Type: uint32(typ), KeySize: key, ValueSize: value, MaxEntries: entries, Flags: flags}
	}
	for _, test := range []struct {
		d  *bpf.Map
		ok bool
	}{
		{def(ebpf.DevMap, 4, 4, 1, 0), true}, {def(ebpf.DevMap, 4, 8, 1, FRdonly|FNumaNode), true},
		{def(ebpf.DevMap, 8, 4, 1, 0), false}, {def(ebpf.DevMap, 4, 5, 1, 0), false}, {def(ebpf.DevMap, 4, 4, 0, 0), false},
		{def(ebpf.DevMap, 4, 4, 1, FMmapable), false}, {def(ebpf.DevMap, 4, 4, 1, FRdonlyProg), false},
		{def(ebpf.DevMapHash, 4, 8, 1<<31, 0), true}, {def(ebpf.DevMapHash, 4, 8, 1<<31+1, 0), false}, {def(ebpf.DevMapHash, 4, 0, 1, 0), false},
		{def(ebpf.CPUMap, 4, 4, 1, 0), true}, {def(ebpf.CPUMap, 4, 8, maxCPUs, FNumaNode), true}, {def(ebpf.CPUMap, 4, 8, maxCPUs+1, 0), false},
		{def(ebpf.CPUMap, 4, 8, 1, FRdonly), false},
		{def(ebpf.XSKMap, 4, 4, 1, FWronly), true}, {def(ebpf.XSKMap, 4, 8, 1, 0), false},
		{def(ebpf.SockMap, 4, 8, 1, 0), true}, {def(ebpf.SockMap, 4, 16, 1, 0), false}, {def(ebpf.SockMap, 0, 4, 1, 0), false},
		{def(ebpf.SockHash, 512, 8, 1, 0), true}, {def(ebpf.SockHash, 513, 8, 1, 0), false}, {def(ebpf.SockHash, 0, 8, 1, 0), false},
		{def(ebpf.SockHash, 4, 8, 0, 0), false}, {def(ebpf.SockHash, 4, 8, 1, 1), false},
		{def(ebpf.ReusePortSockArray, 4, 8, 1, 0), true}, {def(ebpf.ReusePortSockArray, 4, 12, 1, 0), false}, {def(ebpf.ReusePortSockArray, 8, 8, 1, 0), false},
	} {
		if err := KindOf(test.d.Type).Check(test.d); (err == nil) != test.ok {
			t.Errorf("%v %+v: %v", KindOf(test.d.Type).Type, test.d, err)
		}
	}
	huge := def(ebpf.DevMapHash, 4, 8, 1<<31, 0)
	if n := Memory([]*bpf.Map{huge, def(ebpf.DevMap, 4, 8, 1<<32-1, 0)}, 4); n.Fixed < 1<<35 {
		t.Errorf("two maps of billions of devices take %d bytes", n.Fixed)
	}
}

func newTargets(t *testing.T, d *bpf.Map) Map {
	t.Helper()
	a, err := arena.New(Memory([]*bpf.Map{d}, 2).Fixed + 4096)
	if err != nil {
		t.Fatal(err)
	}
	ms, err := New(&Env{Arena: a, Tables: engine.NewTables([]*bpf.Map{d}), CPUs: 2, RCU: new(rcu.Domain)}, []*bpf.Map{d})
	if err != nil {
		t.Fatal(err)
	}
	return ms[0].Map
}

// A slot that a run may still look at goes to no other key; a map whose slots all wait says ENOMEM, and recovers.
func TestDevMapHashKeepsSlots(t *testing.T) {
	m := newTargets(t, &bpf.Map{Name: "m", Type: uint32(ebpf.DevMapHash), KeySize: 4, ValueSize: 8, MaxEntries: 2}).(*devMapHash)
	key := func(k uint32) []byte { return binary.LittleEndian.AppendUint32(nil, k) }
	value := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	reader := m.rcu.NewReader()
	reader.Enter(m.rcu)
	if err := m.Write(key(1), value(11), Any); err != nil {
		t.Fatal(err)
	}
	held := m.Lookup(0, key(1))
	var err error
	n := uint32(0)
	for ; err == nil; n++ {
		if err = m.Write(key(100+n), value(22), Any); err == nil {
			err = m.Delete(key(100 + n))
		}
	}
	if !errors.Is(err, ENOMEM) || n != devMapSpare+2 {
		t.Errorf("after %d keys: %v", n, err)
	}
	if err := m.Delete(key(1)); err != nil {
		t.Fatal(err)
	}
	if slot := (held - m.slots.addr) / 8; uint32(m.slots.get(uint32(slot))) != 11 {
		t.Error("a value that a run holds was changed")
	}
	reader.Exit()
	if err := m.Write(key(1), value(33), Any); err != nil {
		t.Errorf("when the run is over: %v", err)
	}
}

// Maps of sockets and devices are read while they change.
func TestTargetsUnderWriters(t *testing.T) {
	devs := newTargets(t, &bpf.Map{Name: "m", Type: uint32(ebpf.DevMapHash), KeySize: 4, ValueSize: 4, MaxEntries: 8})
	socks := newTargets(t, &bpf.Map{Name: "m", Type: uint32(ebpf.SockHash), KeySize: 4, ValueSize: 8, MaxEntries: 8}).(*SockMap)
	s := &host.Socket{Cookie: 5}
	var wg sync.WaitGroup
	for g := range uint32(4) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			key := binary.LittleEndian.AppendUint32(nil, g)
			var v [8]byte
			for i := range uint32(2000) {
				binary.LittleEndian.PutUint32(v[:], i+1)
				_ = devs.Write(key, v[:4], Any) // may wait for slots
				devs.(Broadcaster).All(func(dev uint32) {
					if dev == 0 || dev > 2000 {
						t.Errorf("device %d", dev)
					}
				})
				_ = devs.Delete(key)
				if err := socks.Put(key, s, Any); err != nil || socks.Socket(key) != s || socks.Read(key, v[:]) != nil || socks.Delete(key) != nil {
					t.Errorf("a socket of one's own: %v", err)
				}
			}
		}()
	}
	wg.Wait()
	if err := devs.NextKey(nil, make([]byte, 4)); !errors.Is(err, ENOENT) {
		t.Errorf("keys are left: %v", err)
	}
}
