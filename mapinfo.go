package rivet

import (
	"fmt"
	"syscall"

	"github.com/cilium/ebpf"
)

// MapInfo describes a map. There are no numbers by which the whole machine knows it, of
// maps and of their BTF: methods of cilium/ebpf's MapInfo that give them are left out.
type MapInfo struct {
	Type       ebpf.MapType
	KeySize    uint32
	ValueSize  uint32
	MaxEntries uint32
	Flags      uint32
	Name       string

	frozen bool
}

// Frozen reports whether the map was frozen when it was asked for its MapInfo.
func (mi *MapInfo) Frozen() bool { return mi.frozen }

// Info returns what is known of the map.
func (m *Map) Info() (*MapInfo, error) {
	return &MapInfo{Type: m.Type(), KeySize: m.KeySize(), ValueSize: m.ValueSize(), MaxEntries: m.MaxEntries(),
		Flags: m.Flags(), Name: m.Name(), frozen: m.frozen.Load()}, nil
}

// Clone returns another Map for the same map: what is changed through one is seen through both, and closing one
// leaves the other as it is. The clone of a nil Map is nil.
func (m *Map) Clone() (*Map, error) {
	if m == nil {
		return nil, nil
	}
	if m.closed.Load() {
		return nil, wrapError("can't clone map", errClosedMap)
	}
	return &Map{core: m.core, inst: m.inst, spec: m.spec, frozen: m.frozen}, nil
}

// Close ends the use of this Map: what is asked of it afterwards is [syscall.EBADF]. Programs
// that use the map go on with it, and so do others that [Map.Clone] made. Memory is freed with the collection's.
func (m *Map) Close() error {
	if m != nil {
		m.closed.Store(true)
	}
	return nil
}

// errClosedMap is what a closed Map gives.
var errClosedMap = fmt.Errorf("the map is closed: %w", syscall.EBADF)

// IsPinned returns false. Maps live in this process alone, so there is no file system to pin them to: Pin, Unpin, Memory
// and what only the kernel could use, FD and Handle, are left out.
func (m *Map) IsPinned() bool { return false }
