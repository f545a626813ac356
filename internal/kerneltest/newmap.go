package kerneltest

import "github.com/cilium/ebpf"

// maker is a side on which maps can be made while programs run.
type maker interface {
	newMap(spec *ebpf.MapSpec) (MapAPI, error)
}

// NewMap makes a map that no program names, and logs the error.
func (s *Session) NewMap(spec *ebpf.MapSpec) MapAPI {
	m, err := s.World.(maker).newMap(spec)
	s.Logf("new %v %s: %t", spec.Type, spec.Name, err == nil)
	if err != nil {
		return nil
	}
	return m
}

func (w rivetWorld) newMap(spec *ebpf.MapSpec) (MapAPI, error) { return w.Collection.NewMap(spec) }

// Inner puts a map into a map, and logs the error.
func (s *Session) Inner(outer string, key any, name string, inner MapAPI, flags ebpf.MapUpdateFlags) {
	s.Logf("put %s into %s[%v], flags %#x: %s", name, outer, key, uint64(flags), Errno(s.Map(outer).Update(key, inner, flags)))
}

// Found logs whether an outer map has something at key: its number is another on each side.
func (s *Session) Found(outer string, key any) {
	var id uint32
	err := s.Map(outer).Lookup(key, &id)
	s.Logf("%s[%v] has %t: %s", outer, key, id != 0, Errno(err))
}
