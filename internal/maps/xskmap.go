package maps

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// XSK map: AF_XDP sockets that bpf_redirect_map sends packets to (net/xdp/xskmap.c). There are no descriptors, so
// a socket is what programs see of it, the number of its queue (struct bpf_xdp_sock).
var xskMapKind = Kind{
	Type:   ebpf.XSKMap,
	Guest:  true,
	Check:  checkXSKMap,
	Memory: slotMemory,
	New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
		s, err := newSlots(env, d)
		return &xskMap{slots: s}, err
	},
}

// checkXSKMap is xsk_map_alloc.
func checkXSKMap(d *bpf.Map) error {
	if err := checkIndexed(d, FNumaNode|FRdonly|FWronly); err != nil {
		return err
	}
	if d.ValueSize != 4 {
		return fmt.Errorf("value size is %d, must be 4", d.ValueSize)
	}
	return nil
}

// xskMap is a map of kind XSKMap.
type xskMap struct{ *slots }

// present marks a slot that is taken: queue 0 is a queue.
const present = 1 << 32

// Update refuses: the verifier lets no program write an XSK map.
func (m *xskMap) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Read refuses, as Linux does: users cannot get a socket back.
func (m *xskMap) Read([]byte, []byte) error { return EOPNOTSUPP }

// Write is xsk_map_update_elem, checks in its order.
func (m *xskMap) Write(key, value []byte, flags uint64) error {
	i := binary.LittleEndian.Uint32(key)
	switch {
	case flags > Exist:
		return EINVAL
	case i >= m.n:
		return E2BIG
	}
	old, v := m.get(i), uint64(binary.LittleEndian.Uint32(value))|present
	switch {
	case old == v:
		return nil
	case old != 0 && flags == NoExist:
		return EEXIST
	case old == 0 && flags == Exist:
		return ENOENT
	}
	m.set(i, v)
	return nil
}
