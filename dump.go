package rivet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/btfjson"
	rmaps "github.com/rivetbpf/rivet/internal/maps"
)

// MapEntry is one entry of a map as JSON values.
type MapEntry struct {
	Key   json.RawMessage `json:"key"`
	Value json.RawMessage `json:"value"`
}

// Dump returns the contents of a map, each key and value as JSON of its BTF
// type; without BTF, keys of four bytes are numbers and other bytes hex digits.
// The value of a program array is the program's name, that of a map of maps the inner map's, that of a per-CPU map an array with
// a value for each processor. Entries of an array that are all zero, and empty slots, are left
// out. Keys are in order. A map that users cannot look into or go
// through, such as a ring buffer or a queue, has no entries.
func (m *Map) Dump() ([]MapEntry, error) {
	if m.KeySize() == 0 {
		return []MapEntry{}, nil
	}
	type keyed struct {
		key []byte
		MapEntry
	}
	var all []keyed
	array := m.Type() == ebpf.Array || m.Type() == ebpf.PerCPUArray
	key, value := make([]byte, m.KeySize()), make([]byte, m.inst.UserSize())
	var cursor []byte
	for range m.MaxEntries() {
		err := m.inst.NextKey(cursor, key)
		if err == rmaps.ENOENT || err == rmaps.EOPNOTSUPP {
			break
		}
		cursor = key
		if err == nil {
			err = m.inst.Read(key, value)
		}
		switch {
		case err == rmaps.ENOENT || err == rmaps.EOPNOTSUPP || array && err == nil && allZero(value):
		case err == rmaps.ENOSPC: // a map of sockets, whose cookies do not fit its values
		case err != nil:
			return nil, wrapError("dump "+m.Name(), err)
		default:
			all = append(all, keyed{slices.Clone(key), MapEntry{Key: m.jsonKey(key), Value: m.jsonValue(key, value)}})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return btfjson.CompareKeys(a.key, b.key) })
	// Where others delete meanwhile, going through a hash begins anew.
	all = slices.CompactFunc(all, func(a, b keyed) bool { return bytes.Equal(a.key, b.key) })
	entries := make([]MapEntry, len(all))
	for i := range all {
		entries[i] = all[i].MapEntry
	}
	return entries, nil
}

// DumpJSON returns what [Map.Dump] does as one JSON value: global data as an
// object of its variables, anything else as an array of entries.
func (m *Map) DumpJSON() ([]byte, error) {
	if m.spec != nil && m.MaxEntries() == 1 {
		if ds, ok := m.spec.Value.(*btf.Datasec); ok {
			value := make([]byte, m.ValueSize())
			if err := m.inst.Read(make([]byte, m.KeySize()), value); err != nil {
				return nil, wrapError("dump "+m.Name(), err)
			}
			return btfjson.Append(nil, ds, value), nil
		}
	}
	entries, err := m.Dump()
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(entries)
	if err != nil {
		return nil, fmt.Errorf("dump %s: %w", m.Name(), err)
	}
	return b, nil
}

func (m *Map) jsonKey(key []byte) json.RawMessage {
	if m.spec == nil {
		return btfjson.Key(nil, key)
	}
	return btfjson.Key(m.spec.Key, key)
}

func (m *Map) jsonValue(key, value []byte) json.RawMessage {
	if a, ok := m.inst.Map.(*rmaps.ProgArray); ok {
		if n, ok := a.Program(le.Uint32(key)); ok {
			return btfjson.AppendString(nil, m.core.programs[n].Name())
		}
		return json.RawMessage("null") // emptied since it was read
	}
	if _, ok := m.inst.Map.(rmaps.Outer); ok {
		if inner := m.core.mapAt(int(le.Uint32(value)) - 1); inner != nil {
			return btfjson.AppendString(nil, inner.Name())
		}
		return json.RawMessage("null")
	}
	var typ btf.Type
	if m.spec != nil {
		typ = m.spec.Value
	}
	if m.inst.Kind.PerCPU {
		return btfjson.PerCPU(typ, value, int(m.ValueSize()))
	}
	return btfjson.Value(typ, value)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
