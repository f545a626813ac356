package rivet

import (
	"errors"
	"fmt"
	"reflect"
)

// Values of per-CPU maps travel as cilium/ebpf marshals them: a slice with an
// element for each processor, of which there are [CollectionOptions.CPUs].

// perCPU is how the values of a per-CPU map lie one after the other: each rounded up to 8 bytes.
type perCPU struct{ cpus, size, stride int }

func (m *Map) perCPU() perCPU {
	return perCPU{cpus: m.core.opts.CPUs, size: int(m.ValueSize()), stride: int(m.inst.Def.Stride())}
}

// marshal turns a slice into the values of all processors. A shorter one leaves zeros for the others.
func (p perCPU) marshal(slice any) ([]byte, error) {
	v := reflect.ValueOf(slice)
	if v.Kind() != reflect.Slice {
		return nil, errors.New("per-CPU value requires slice")
	}
	if v.Len() > p.cpus {
		return nil, fmt.Errorf("per-CPU value greater than number of CPUs: %d elements, CollectionOptions.CPUs is %d", v.Len(), p.cpus)
	}
	buf := make([]byte, p.cpus*p.stride)
	for i := range v.Len() {
		b, err := marshal(v.Index(i).Interface(), p.size)
		if err != nil {
			return nil, err
		}
		copy(buf[i*p.stride:], b)
	}
	return buf, nil
}

// room returns the slice that values are to be put in: out itself, or a new one where out is a pointer to one.
func (p perCPU) room(out any) (reflect.Value, error) {
	v := reflect.ValueOf(out)
	switch {
	case !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil():
		return v, errors.New("per-cpu value: can't unmarshal into nil")
	case v.Kind() == reflect.Slice:
		return v, nil
	case v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Slice:
		return v, errors.New("per-cpu value requires a slice or a pointer to slice")
	}
	slice := reflect.MakeSlice(v.Elem().Type(), p.cpus, p.cpus)
	if elem := slice.Type().Elem(); elem.Kind() == reflect.Pointer {
		for i := range p.cpus {
			slice.Index(i).Set(reflect.New(elem.Elem()))
		}
	}
	v.Elem().Set(slice)
	return slice, nil
}

// unmarshal puts the values of all processors into a slice.
func (p perCPU) unmarshal(slice reflect.Value, buf []byte) error {
	if slice.Len() != p.cpus {
		return fmt.Errorf("per-CPU slice has incorrect length, expected %d, got %d", p.cpus, slice.Len())
	}
	for i := range p.cpus {
		elem := slice.Index(i)
		if elem.Kind() == reflect.Pointer {
			if elem.IsNil() {
				return errors.New("per-CPU slice elements cannot be nil")
			}
		} else {
			elem = elem.Addr()
		}
		if err := unmarshal(elem.Interface(), buf[i*p.stride:][:p.size]); err != nil {
			return fmt.Errorf("cpu %d: %w", i, err)
		}
	}
	return nil
}

// marshalBatch turns a slice with the values of n keys, one key after the other, into theirs.
func (p perCPU) marshalBatch(values any, n int) ([]byte, error) {
	v, err := p.batch(values, n)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 0, n*p.cpus*p.stride)
	for i := range n {
		b, err := p.marshal(v.Slice(i*p.cpus, (i+1)*p.cpus).Interface())
		if err != nil {
			return nil, fmt.Errorf("batch %d: %w", i, err)
		}
		buf = append(buf, b...)
	}
	return buf, nil
}

// batch checks that a slice has the values of n keys.
func (p perCPU) batch(values any, n int) (reflect.Value, error) {
	v := reflect.ValueOf(values)
	switch {
	case v.Kind() != reflect.Slice:
		return v, errors.New("batch value requires a slice")
	case v.Len() != n*p.cpus:
		return v, fmt.Errorf("per-CPU slice has incorrect length, expected %d, got %d", n*p.cpus, v.Len())
	}
	return v, nil
}

// unmarshalValue puts a value as the map has it for users to where valueOut says.
func (m *Map) unmarshalValue(valueOut any, value []byte) error {
	if !m.inst.Kind.PerCPU {
		return unmarshal(valueOut, value)
	}
	p := m.perCPU()
	slice, err := p.room(valueOut)
	if err != nil {
		return err
	}
	return p.unmarshal(slice, value)
}

// marshalValue is the inverse.
func (m *Map) marshalValue(value any) ([]byte, error) {
	if m.inst.Kind.PerCPU {
		return m.perCPU().marshal(value)
	}
	return marshal(value, m.inst.UserSize())
}
