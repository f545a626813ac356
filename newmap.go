package rivet

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/load"
	rmaps "github.com/rivetbpf/rivet/internal/maps"
)

// NewMap makes a map in the collection's guest memory, to be put into an array or hash of maps. Programs reach
// it through these alone. It stays there until the collection is no longer used.
//
// Where cilium/ebpf has a function of this name, this is a method: guest memory belongs to a collection. How
// much of it there is for such maps is estimated from the outer maps; [CollectionOptions.MapMemory] adds to that.
// When it is spent the error is [syscall.ENOMEM].
func (coll *Collection) NewMap(spec *ebpf.MapSpec) (*Map, error) {
	if spec == nil {
		return nil, errors.New("can't create a map from a nil spec")
	}
	m, err := coll.core.newMap(spec.Copy())
	if err != nil {
		return nil, fmt.Errorf("new map %s: %w", spec.Name, err)
	}
	if err := coll.contents(m); err != nil {
		return nil, err
	}
	return m, nil
}

func (c *core) newMap(spec *ebpf.MapSpec) (*Map, error) {
	d, err := load.Map(spec, nil)
	if err != nil {
		return nil, err
	}
	if d.Type == bpf.MapTypeProgArray || d.Type == uint32(ebpf.Arena) {
		return nil, fmt.Errorf("kind %v: %w: programs name such a map themselves, so it comes with the object", spec.Type, ErrNotSupported)
	}
	defs := []*bpf.Map{d}
	rmaps.Complete(defs, c.opts.CPUs)
	if err := rmaps.Check(defs); err != nil {
		return nil, err
	}
	c.making.Lock()
	defer c.making.Unlock()
	inst, err := rmaps.NewAt(c.env, c.pool.world.NumMaps(), d)
	if err != nil {
		return nil, wrapError("guest memory", rmaps.ENOMEM)
	}
	m := &Map{core: c, inst: inst, spec: spec, frozen: new(atomic.Bool)}
	var made []*Map
	if p := c.made.Load(); p != nil {
		made = *p
	}
	made = append(made, m)
	c.made.Store(&made) // before a program can name it
	return m, c.pool.world.AddMap(inst)
}

// mapAt returns the map of an index: the object's, or one that was made since.
func (c *core) mapAt(i int) *Map {
	if i < len(c.maps) {
		return c.maps[i]
	}
	if made := c.made.Load(); made != nil && i-len(c.maps) < len(*made) {
		return (*made)[i-len(c.maps)]
	}
	return nil
}

// putMap stores a map in a map.
func (m *Map) putMap(key []byte, inner *Map, flags uint64) error {
	o, ok := m.inst.Map.(rmaps.Outer)
	switch {
	case !ok:
		return fmt.Errorf("can't store map in %s", m.Type())
	case inner == nil:
		return errors.New("can't marshal a nil Map")
	case inner.core != m.core:
		return fmt.Errorf("map %q belongs to another collection than map %q", inner.Name(), m.Name())
	case inner.closed.Load():
		return rmaps.EBADF
	}
	return o.Put(key, inner.inst, flags)
}

// lookupMap finds a map in a map.
func (m *Map) lookupMap(key []byte, out **Map) error {
	if _, ok := m.inst.Map.(rmaps.Outer); !ok {
		return fmt.Errorf("lookup: can't read a map from %s", m.Type())
	}
	value := make([]byte, 4)
	if err := m.read(key, value, 0); err != nil {
		return err
	}
	inner := m.core.mapAt(int(le.Uint32(value)) - 1)
	if inner == nil {
		return notExist
	}
	var err error
	*out, err = inner.Clone()
	return err
}
