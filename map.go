package rivet

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bridge"
	rmaps "github.com/rivetbpf/rivet/internal/maps"
)

// Map is a map of a collection. It is safe for concurrent use, also with
// programs that run: values of up to 64 bytes are read and written in whole
// 8-byte words, so that a counter is never seen half-written.
type Map struct {
	core   *core
	inst   *rmaps.Instance
	spec   *ebpf.MapSpec // nil when the map comes without one
	frozen *atomic.Bool  // of all clones
	closed atomic.Bool
}

func init() {
	bridge.Instance = func(m any) *rmaps.Instance {
		if m, ok := m.(*Map); ok && m != nil && !m.closed.Load() {
			return m.inst
		}
		return nil
	}
}

// Name returns the map's name.
func (m *Map) Name() string { return m.inst.Def.Name }

// Type returns the map's type.
func (m *Map) Type() ebpf.MapType { return ebpf.MapType(m.inst.Def.Type) }

// KeySize returns the size of a key in bytes.
func (m *Map) KeySize() uint32 { return m.inst.Def.KeySize }

// ValueSize returns the size of a value in bytes.
func (m *Map) ValueSize() uint32 { return m.inst.Def.ValueSize }

// MaxEntries returns how many entries the map can hold.
func (m *Map) MaxEntries() uint32 { return m.inst.Def.MaxEntries }

// Flags returns the flags of the map's definition (BPF_F_*).
func (m *Map) Flags() uint32 { return m.inst.Def.Flags }

// String describes the map.
func (m *Map) String() string { return fmt.Sprintf("%s(%s)", m.Type(), m.Name()) }

// mapError is a failed map operation. It is both cilium/ebpf's sentinel, where
// there is one, and the error number that the bpf system call would give.
type mapError struct {
	op, text string
	errs     []error
}

func (e *mapError) Error() string   { return e.op + ": " + e.text }
func (e *mapError) Unwrap() []error { return e.errs }

// wrapError turns an error number of package maps into what users test for.
func wrapError(op string, err error) error {
	var e rmaps.Errno
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", op, err)
	}
	switch e {
	case rmaps.ENOENT:
		return &mapError{op, e.Error(), []error{ebpf.ErrKeyNotExist, syscall.ENOENT}}
	case rmaps.EEXIST:
		return &mapError{op, e.Error(), []error{ebpf.ErrKeyExist, syscall.EEXIST}}
	case rmaps.E2BIG:
		return &mapError{op, e.Error(), []error{syscall.E2BIG}}
	case rmaps.EPERM:
		return &mapError{op, e.Error(), []error{syscall.EPERM}}
	case rmaps.EINVAL:
		return &mapError{op, e.Error(), []error{syscall.EINVAL}}
	case rmaps.ENOSPC:
		return &mapError{op, e.Error(), []error{syscall.ENOSPC}}
	case rmaps.ENOMEM:
		return &mapError{op, e.Error(), []error{syscall.ENOMEM}}
	case rmaps.EBADF:
		return &mapError{op, e.Error(), []error{syscall.EBADF}}
	case rmaps.EBUSY:
		return &mapError{op, e.Error(), []error{syscall.EBUSY}}
	case rmaps.ENODEV:
		return &mapError{op, e.Error(), []error{syscall.ENODEV}}
	case rmaps.EOVERFLOW:
		return &mapError{op, e.Error(), []error{syscall.EOVERFLOW}}
	case rmaps.EOPNOTSUPP:
		return &mapError{op, e.Error(), []error{ErrNotSupported, ebpf.ErrNotSupported}}
	}
	return fmt.Errorf("%s: %w", op, err)
}

// notExist is what every failed lookup gives; made once because lookups are frequent.
var notExist = wrapError("lookup", rmaps.ENOENT)

func (m *Map) key(key any) ([]byte, error) {
	if key == nil {
		if m.KeySize() == 0 {
			return nil, nil
		}
		return nil, errors.New("can't use nil as key of map")
	}
	b, err := marshal(key, int(m.KeySize()))
	if err != nil {
		return nil, fmt.Errorf("can't marshal key: %w", err)
	}
	return b, nil
}

// Lookup retrieves the value at key into valueOut: a pointer or a []byte of the
// value's size, for program arrays also a **Program, for maps of maps a **Map. The value of a per-CPU map is a slice with an element
// for each processor ([CollectionOptions.CPUs]), or a pointer to a slice, which is made anew.
//
// Queues and stacks have no keys: a nil key gives the value whose turn it is, and leaves it there. A bloom
// filter is asked with a nil key whether valueOut may be in it.
//
// Returns an error that is [ebpf.ErrKeyNotExist] if the key has no value.
func (m *Map) Lookup(key, valueOut any) error { return m.LookupWithFlags(key, valueOut, 0) }

// LookupWithFlags is Lookup. With [ebpf.LookupLock] the value is copied while its bpf_spin_lock is
// held; the lock itself, as other fields that programs alone may use, reads as zeros.
func (m *Map) LookupWithFlags(key, valueOut any, flags ebpf.MapLookupFlags) error {
	k, err := m.key(key)
	if err != nil {
		return fmt.Errorf("lookup: %w", err)
	}
	switch out := valueOut.(type) {
	case **Program:
		return m.lookupProgram(k, out)
	case **Map:
		return m.lookupMap(k, out)
	}
	if b, ok := valueOut.([]byte); ok && len(b) == m.inst.UserSize() && !m.inst.Kind.PerCPU {
		return m.read(k, b, flags)
	}
	value := make([]byte, m.inst.UserSize())
	if m.Type() == ebpf.BloomFilter { // which is asked about a value
		if value, err = marshal(valueOut, len(value)); err != nil {
			return fmt.Errorf("lookup: can't marshal value: %w", err)
		}
	}
	if err := m.read(k, value, flags); err != nil {
		return err
	}
	if err := m.unmarshalValue(valueOut, value); err != nil {
		return fmt.Errorf("lookup: %w", err)
	}
	return nil
}

func (m *Map) read(key, value []byte, flags ebpf.MapLookupFlags) error {
	err := m.readable()
	switch {
	case flags&^ebpf.LookupLock != 0:
		err = rmaps.EINVAL
	case err != nil:
	case flags != 0 && m.inst.Def.SpinLock() < 0:
		err = rmaps.EINVAL
	default:
		err = m.readValue(key, value, flags != 0)
	}
	switch err {
	case nil:
		return nil
	case rmaps.ENOENT:
		return notExist
	}
	return wrapError("lookup", err)
}

// readValue copies a value, under its lock if that is asked of a map whose values have one.
func (m *Map) readValue(key, value []byte, locked bool) error {
	if l, ok := m.inst.Map.(rmaps.LockedReader); ok && locked {
		return l.ReadLocked(key, value)
	}
	return m.inst.Read(key, value)
}

// readable and writable enforce what a map allows to users (map_get_sys_perms).
func (m *Map) readable() error {
	if m.closed.Load() {
		return errClosedMap
	}
	if m.Flags()&rmaps.FWronly != 0 {
		return rmaps.EPERM
	}
	return nil
}

func (m *Map) writable() error {
	if m.closed.Load() {
		return errClosedMap
	}
	if m.Flags()&rmaps.FRdonly != 0 || m.frozen.Load() {
		return rmaps.EPERM
	}
	return nil
}

func (m *Map) lookupProgram(key []byte, out **Program) error {
	a, ok := m.inst.Map.(*rmaps.ProgArray)
	if !ok {
		return fmt.Errorf("lookup: can't read a program from %s", m.Type())
	}
	n, ok := a.Program(le.Uint32(key))
	if !ok {
		return notExist
	}
	*out = m.core.programs[n]
	return nil
}

// LookupAndDelete retrieves and deletes the value at key, in one step as far as
// others can see. A queue or stack has no key: pass nil.
//
// Returns [ebpf.ErrKeyNotExist] if the key has no value, [ErrNotSupported] for kinds that keep all their values.
func (m *Map) LookupAndDelete(key, valueOut any) error {
	return m.LookupAndDeleteWithFlags(key, valueOut, 0)
}

// LookupAndDeleteWithFlags is LookupAndDelete with the flags of [Map.LookupWithFlags].
func (m *Map) LookupAndDeleteWithFlags(key, valueOut any, flags ebpf.MapLookupFlags) error {
	var k []byte
	var err error
	if key != nil || m.KeySize() != 0 {
		if k, err = m.key(key); err != nil {
			return fmt.Errorf("lookup and delete: %w", err)
		}
	}
	value := make([]byte, m.inst.UserSize())
	if err := m.take(k, value, flags); err != nil {
		return wrapError("lookup and delete", err)
	}
	if err := m.unmarshalValue(valueOut, value); err != nil {
		return fmt.Errorf("lookup and delete: %w", err)
	}
	return nil
}

// take is map_lookup_and_delete_elem.
func (m *Map) take(key, value []byte, flags ebpf.MapLookupFlags) error {
	if flags&^ebpf.LookupLock != 0 {
		return rmaps.EINVAL
	}
	if err := m.readable(); err != nil {
		return err
	}
	if err := m.writable(); err != nil {
		return err
	}
	if flags != 0 && m.inst.Def.SpinLock() < 0 {
		return rmaps.EINVAL
	}
	t, ok := m.inst.Map.(rmaps.Taker)
	if !ok {
		return rmaps.EOPNOTSUPP
	}
	return t.Take(key, value, uint64(flags))
}

// LookupBytes returns a copy of the value at key, nil if the key has no value. The values of
// a per-CPU map follow each other, each rounded up to 8 bytes.
func (m *Map) LookupBytes(key any) ([]byte, error) {
	k, err := m.key(key)
	if err != nil {
		return nil, fmt.Errorf("lookup: %w", err)
	}
	value := make([]byte, m.inst.UserSize())
	err = m.read(k, value, 0)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

// Put is Update with [ebpf.UpdateAny].
func (m *Map) Put(key, value any) error { return m.Update(key, value, ebpf.UpdateAny) }

// Update changes the value at key. Values are marshalled as cilium/ebpf does,
// little-endian; that of a per-CPU map is a slice with an element for each processor; what goes into a program array is a *Program of the same
// collection, what goes into a map of maps a *Map of it, like the map that its definition gives as an example ([syscall.EINVAL]). A program of another type than those that use the array is
// refused, because a tail call cannot change the type.
//
// Errors are [ebpf.ErrKeyExist] where flags say that the key must be new,
// [syscall.E2BIG] for an index beyond the map and [syscall.EPERM] for a map that is frozen or read-only.
func (m *Map) Update(key, value any, flags ebpf.MapUpdateFlags) error {
	if err := m.writable(); err != nil {
		return wrapError("update", err)
	}
	if flags&ebpf.UpdateLock != 0 && m.inst.Def.SpinLock() < 0 { // bpf_map_check_op_flags
		return wrapError("update", rmaps.EINVAL)
	}
	if err := m.put(key, value, uint64(flags)); err != nil {
		return wrapError("update", err)
	}
	return nil
}

// put is Update for those who may write frozen maps.
func (m *Map) put(key, value any, flags uint64) error {
	k, err := m.key(key)
	if err != nil {
		return err
	}
	if a, ok := m.inst.Map.(*rmaps.ProgArray); ok {
		return m.putProgram(a, le.Uint32(k), value, flags)
	}
	if _, ok := value.(*Program); ok {
		return fmt.Errorf("can't store program in %s", m.Type())
	}
	switch v := value.(type) {
	case *Socket:
		return m.putSocket(k, v, flags)
	case *Map:
		return m.putMap(k, v, flags)
	}
	v, err := m.marshalValue(value)
	if err != nil {
		return fmt.Errorf("can't marshal value: %w", err)
	}
	return m.inst.Write(k, v, flags)
}

func (m *Map) putProgram(a *rmaps.ProgArray, index uint32, value any, flags uint64) error {
	p, ok := value.(*Program)
	switch {
	case !ok:
		return fmt.Errorf("%s takes a *rivet.Program, not %T", m, value)
	case p == nil:
		return errors.New("can't marshal a nil Program")
	case p.core != m.core:
		return fmt.Errorf("program %q belongs to another collection than map %q", p.Name(), m.Name())
	}
	return a.Put(index, rmaps.Entry{Prog: p.index, Name: p.Name(), Type: p.def.Type, Target: m.core.backend.TailTarget(p.index)}, flags)
}

// putSocket stores a socket in a map of sockets, where Linux takes its descriptor.
func (m *Map) putSocket(key []byte, s *Socket, flags uint64) error {
	sm, ok := m.inst.Map.(*rmaps.SockMap)
	switch {
	case !ok:
		return fmt.Errorf("can't store socket in %s", m.Type())
	case s == nil:
		return errors.New("can't marshal a nil Socket")
	}
	return sm.Put(key, s, flags)
}

// Delete removes key. Arrays have no keys to remove ([syscall.EINVAL]); in a
// program array it empties the slot.
func (m *Map) Delete(key any) error {
	k, err := m.key(key)
	if err == nil {
		err = m.writable()
	}
	if err == nil {
		err = m.inst.Delete(k)
	}
	if err != nil {
		return wrapError("delete", err)
	}
	return nil
}

// NextKey finds the key that follows key; a nil key gives the first one.
//
// Returns [ebpf.ErrKeyNotExist] after the last key.
func (m *Map) NextKey(key, nextKeyOut any) error {
	var k []byte
	var err error
	if key != nil {
		if k, err = m.key(key); err != nil {
			return fmt.Errorf("next key: %w", err)
		}
	}
	next := make([]byte, m.KeySize())
	if err := m.readable(); err != nil {
		return wrapError("next key", err)
	}
	if err := m.inst.NextKey(k, next); err != nil {
		return wrapError("next key", err)
	}
	if err := unmarshal(nextKeyOut, next); err != nil {
		return fmt.Errorf("next key: %w", err)
	}
	return nil
}

// NextKeyBytes is NextKey; after the last key it returns nil.
func (m *Map) NextKeyBytes(key any) ([]byte, error) {
	next := make([]byte, m.KeySize())
	err := m.NextKey(key, next)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Freeze makes the map read-only for users. Programs may still write to it. A map that users
// cannot write anyway is refused ([syscall.EPERM]), and one whose values have fields that only programs use ([ErrNotSupported]).
func (m *Map) Freeze() error {
	err := m.writable()
	if m.inst.Def.Fields != nil {
		err = rmaps.EOPNOTSUPP
	}
	if err != nil {
		return wrapError("can't freeze map", err)
	}
	m.frozen.Store(true)
	return nil
}

// Iterate traverses a map. It's safe to create multiple iterators at the same time.
func (m *Map) Iterate() *MapIterator { return &MapIterator{m: m} }

// MapIterator iterates a Map. See [Map.Iterate].
type MapIterator struct {
	m     *Map
	key   []byte
	count uint32
	done  bool
	err   error
}

// Next decodes the next key and value, to where Lookup could put them. Empty
// slots of program arrays are left out. It returns false at the end and on an
// error, which Err then returns.
func (it *MapIterator) Next(keyOut, valueOut any) bool {
	for ; it.err == nil && !it.done; it.count++ {
		if it.count > it.m.MaxEntries() {
			it.err = ebpf.ErrIterationAborted
			break
		}
		var cursor any
		if it.key != nil {
			cursor = it.key
		}
		next, err := it.m.NextKeyBytes(cursor)
		if err != nil || next == nil {
			it.done, it.err = true, err
			break
		}
		it.key = next
		err = it.m.Lookup(next, valueOut)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			continue
		}
		if err == nil {
			err = unmarshal(keyOut, next)
		}
		it.err = err
		it.count++
		return err == nil
	}
	return false
}

// Err returns the error that ended the iteration. It is ErrIterationAborted
// when the map changed so often that not all of it could be seen.
func (it *MapIterator) Err() error { return it.err }
