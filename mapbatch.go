package rivet

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"

	rmaps "github.com/rivetbpf/rivet/internal/maps"
)

// BatchOptions are flags of batch calls.
type BatchOptions = ebpf.BatchOptions

// MapBatchCursor is where a batch lookup goes on. The zero value begins.
type MapBatchCursor struct {
	m     *Map
	chain uint32 // of a hash: the next one
	key   []byte // of other kinds: the last one
}

// batchOps are the kinds of maps that have batch calls (the BATCH_OPS of their
// operations, and what kernel/bpf/syscall.c has for all).
type batchOps struct{ lookup, take, update, delete bool }

var batches = map[ebpf.MapType]batchOps{
	ebpf.Array:       {lookup: true, update: true},
	ebpf.PerCPUArray: {lookup: true, update: true},
	ebpf.ArrayOfMaps: {lookup: true, update: true},
	ebpf.LPMTrie:     {lookup: true, update: true, delete: true},
	ebpf.Hash:        {true, true, true, true},
	ebpf.PerCPUHash:  {true, true, true, true},
	ebpf.LRUHash:     {true, true, true, true},
	ebpf.LRUCPUHash:  {true, true, true, true},
	ebpf.HashOfMaps:  {true, true, true, true},
}

// BatchLookup looks up many elements in a map at once.
//
// keysOut and valuesOut are slices of the same length, which is how many elements are wanted;
// the values of a per-CPU map are as many times more as there are processors. cursor says where to
// go on, and is moved. It returns how many elements there are in the slices.
//
// [ErrKeyNotExist] is returned at the end of the map, also together with elements. A hash gives whole
// chains of elements: [syscall.ENOSPC] says that the slices are too short for the next one.
func (m *Map) BatchLookup(cursor *MapBatchCursor, keysOut, valuesOut any, opts *BatchOptions) (int, error) {
	n, err := m.batchLookup(cursor, keysOut, valuesOut, opts, false)
	if err != nil {
		return n, wrapError("map batch lookup", err)
	}
	return n, nil
}

// BatchLookupAndDelete is [Map.BatchLookup] that deletes what it returns. Only hashes have it.
func (m *Map) BatchLookupAndDelete(cursor *MapBatchCursor, keysOut, valuesOut any, opts *BatchOptions) (int, error) {
	n, err := m.batchLookup(cursor, keysOut, valuesOut, opts, true)
	if err != nil {
		return n, wrapError("map batch lookup and delete", err)
	}
	return n, nil
}

func (m *Map) batchLookup(cursor *MapBatchCursor, keysOut, valuesOut any, opts *BatchOptions, take bool) (int, error) {
	count, err := m.batchCount(keysOut, valuesOut)
	if err != nil {
		return 0, err
	}
	if cursor.m == nil {
		cursor.m = m
	} else if cursor.m != m {
		return 0, errors.New("a cursor may not be reused across maps")
	}
	ops := batches[m.Type()]
	if err := m.readable(); err != nil {
		return 0, err
	}
	if take {
		if err := m.writable(); err != nil {
			return 0, err
		}
	}
	if !ops.lookup || take && !ops.take {
		return 0, rmaps.EOPNOTSUPP
	}
	b, chains := m.inst.Map.(rmaps.Batcher)
	locked, err := m.batchFlags(opts)
	if chains && opts != nil && opts.Flags != 0 {
		err = rmaps.EINVAL
	}
	if err != nil || count == 0 {
		return 0, err
	}
	keys, values := make([]byte, count*int(m.KeySize())), make([]byte, count*m.inst.UserSize())
	var n int
	if chains {
		n, cursor.chain, err = b.ReadBatch(cursor.chain, keys, values, take, locked)
	} else {
		n, err = m.batchRead(cursor, keys, values, locked)
	}
	switch err {
	case nil, rmaps.ENOENT:
	case rmaps.ENOSPC:
		return n, fmt.Errorf("%w (batch size too small?)", syscall.ENOSPC)
	default:
		return n, err
	}
	if uerr := m.unmarshalBatch(keysOut, valuesOut, keys, values, n); uerr != nil {
		return 0, uerr
	}
	return n, err
}

// batchFlags is what all batch calls check first: BPF_F_LOCK is all that there is for elements. Nobody but
// lookups in hashes looks at Flags.
func (m *Map) batchFlags(opts *BatchOptions) (locked bool, err error) {
	switch {
	case opts == nil || opts.ElemFlags == 0:
		return false, nil
	case opts.ElemFlags != rmaps.FLock || m.inst.Def.SpinLock() < 0:
		return false, rmaps.EINVAL
	}
	return true, nil
}

// batchCount returns how many elements two slices are for.
func (m *Map) batchCount(keys, values any) (int, error) {
	count, err := sliceLen(keys)
	if err != nil {
		return 0, fmt.Errorf("keys: %w", err)
	}
	if m.inst.Kind.PerCPU {
		_, err := m.perCPU().batch(values, count)
		return count, err
	}
	n, err := sliceLen(values)
	switch {
	case err != nil:
		return 0, fmt.Errorf("values: %w", err)
	case n != count:
		return 0, errors.New("keys and values must have the same length")
	}
	return count, nil
}

func sliceLen(slice any) (int, error) {
	v := reflect.ValueOf(slice)
	if v.Kind() != reflect.Slice {
		return 0, fmt.Errorf("%T is not a slice", slice)
	}
	return v.Len(), nil
}

// batchRead is generic_map_lookup_batch.
func (m *Map) batchRead(cursor *MapBatchCursor, keys, values []byte, locked bool) (n int, err error) {
	keySize, valueSize := int(m.KeySize()), m.inst.UserSize()
	next := make([]byte, keySize)
	for len(values) >= (n+1)*valueSize {
		if err := m.inst.NextKey(cursor.key, next); err != nil {
			return n, err
		}
		cursor.key = append(cursor.key[:0], next...)
		switch err := m.readValue(next, values[n*valueSize:(n+1)*valueSize], locked); err {
		case nil:
			copy(keys[n*keySize:], next)
			n++
		case rmaps.ENOENT: // deleted meanwhile
		default:
			return n, err
		}
	}
	return n, nil
}

// unmarshalBatch puts the first n of keys and values into the caller's slices.
func (m *Map) unmarshalBatch(keysOut, valuesOut any, keys, values []byte, n int) error {
	if n == 0 {
		return nil
	}
	if err := unmarshal(reflect.ValueOf(keysOut).Slice(0, n).Interface(), keys[:n*int(m.KeySize())]); err != nil {
		return err
	}
	if !m.inst.Kind.PerCPU {
		return unmarshal(reflect.ValueOf(valuesOut).Slice(0, n).Interface(), values[:n*m.inst.UserSize()])
	}
	p, out := m.perCPU(), reflect.ValueOf(valuesOut)
	for i := range n {
		if err := p.unmarshal(out.Slice(i*p.cpus, (i+1)*p.cpus), values[i*m.inst.UserSize():]); err != nil {
			return fmt.Errorf("batch %d: %w", i, err)
		}
	}
	return nil
}

// BatchUpdate updates the map with many keys and values: slices of the same length, but that a
// per-CPU map has as many values for a key as there are processors. It returns how
// many have been written, which are fewer than keys only with an error.
func (m *Map) BatchUpdate(keys, values any, opts *BatchOptions) (int, error) {
	count, err := m.batchCount(keys, values)
	if err != nil {
		return 0, fmt.Errorf("batch update: %w", err)
	}
	k, err := marshal(keys, count*int(m.KeySize()))
	if err != nil {
		return 0, fmt.Errorf("batch update: %w", err)
	}
	var v []byte
	if m.inst.Kind.PerCPU {
		v, err = m.perCPU().marshalBatch(values, count)
	} else {
		v, err = marshal(values, count*int(m.ValueSize()))
	}
	if err != nil {
		return 0, fmt.Errorf("batch update: %w", err)
	}
	n, size := 0, m.inst.UserSize()
	err = m.batchWrite(k, opts, batches[m.Type()].update, func(key []byte, flags uint64) error {
		err := m.inst.Write(key, v[n*size:(n+1)*size], flags)
		if err == nil {
			n++
		}
		return err
	})
	if err != nil {
		return n, wrapError("batch update", err)
	}
	return n, nil
}

// BatchDelete deletes the entries of a slice of keys. It returns how many have been deleted, which are
// fewer than keys only with an error: [ErrKeyNotExist] for the first that there is not.
func (m *Map) BatchDelete(keys any, opts *BatchOptions) (int, error) {
	count, err := sliceLen(keys)
	if err != nil {
		return 0, fmt.Errorf("batch delete: keys: %w", err)
	}
	k, err := marshal(keys, count*int(m.KeySize()))
	if err != nil {
		return 0, fmt.Errorf("batch delete: %w", err)
	}
	n := 0
	err = m.batchWrite(k, opts, batches[m.Type()].delete, func(key []byte, _ uint64) error {
		err := m.inst.Delete(key)
		if err == nil {
			n++
		}
		return err
	})
	if err != nil {
		return n, wrapError("batch delete", err)
	}
	return n, nil
}

// batchWrite calls do for each key until one fails.
func (m *Map) batchWrite(keys []byte, opts *BatchOptions, has bool, do func(key []byte, flags uint64) error) error {
	if err := m.writable(); err != nil {
		return err
	}
	if !has {
		return rmaps.EOPNOTSUPP
	}
	locked, err := m.batchFlags(opts)
	if err != nil {
		return err
	}
	flags := uint64(rmaps.Any)
	if locked {
		flags = rmaps.FLock
	}
	for key := range slices.Chunk(keys, int(m.KeySize())) {
		if err := do(key, flags); err != nil {
			return err
		}
	}
	return nil
}
