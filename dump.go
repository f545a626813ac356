package rivet

import (
	"encoding/json"
	"errors"
	"fmt"

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
// The value of a program array is the program's name. Entries of an array that
// are all zero, and empty slots, are left out.
func (m *Map) Dump() ([]MapEntry, error) {
	entries := []MapEntry{}
	array := m.Type() == ebpf.Array
	key, value := make([]byte, m.KeySize()), make([]byte, m.ValueSize())
	var cursor []byte
	for n := uint32(0); n < m.MaxEntries(); n++ {
		if err := m.inst.NextKey(cursor, key); errors.Is(err, rmaps.ENOENT) {
			break
		} else if err != nil {
			return nil, wrapError("dump "+m.Name(), err)
		}
		cursor = key
		if err := m.inst.Read(key, value); errors.Is(err, rmaps.ENOENT) {
			continue
		} else if err != nil {
			return nil, wrapError("dump "+m.Name(), err)
		}
		if array && allZero(value) {
			continue
		}
		entries = append(entries, MapEntry{Key: m.jsonKey(key), Value: m.jsonValue(key, value)})
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
	if m.spec == nil {
		return btfjson.Value(nil, value)
	}
	return btfjson.Value(m.spec.Value, value)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
