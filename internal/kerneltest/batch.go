package kerneltest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"
)

// batchLookup is one call of BatchLookup or BatchLookupAndDelete, each with the cursor of the one before.
type batchLookup func(take bool, keys, values any, opts *ebpf.BatchOptions) (int, error)

// batcher is a map whose cursors have type C.
type batcher[C any] interface {
	BatchLookup(cursor *C, keysOut, valuesOut any, opts *ebpf.BatchOptions) (int, error)
	BatchLookupAndDelete(cursor *C, keysOut, valuesOut any, opts *ebpf.BatchOptions) (int, error)
}

func cursorOf[C any](m batcher[C]) batchLookup {
	var cursor C
	return func(take bool, keys, values any, opts *ebpf.BatchOptions) (int, error) {
		if take {
			return m.BatchLookupAndDelete(&cursor, keys, values, opts)
		}
		return m.BatchLookup(&cursor, keys, values, opts)
	}
}

// batchSlices returns slices for n keys of 4 and their values of 8 bytes.
func (s *Session) batchSlices(m string, n int) (keys []uint32, values []uint64) {
	if perCPU(s.Map(m)) {
		return make([]uint32, n), make([]uint64, n*ebpf.MustPossibleCPU())
	}
	return make([]uint32, n), make([]uint64, n)
}

// Batch logs all entries of a map with keys of 4 and values of 8 bytes, n at a time or, where chains of a hash
// are longer, more. How they are spread over the calls is logged only where that is not a matter of chance.
func (s *Session) Batch(m string, n int, take bool) {
	var entries []string
	read := s.cursor(m)
	for calls := 0; ; calls++ {
		keys, values := s.batchSlices(m, n)
		got, err := read(take, keys, values, nil)
		if errors.Is(err, syscall.ENOSPC) {
			n *= 2
			continue
		}
		each := len(values) / len(keys)
		for i := range got {
			entries = append(entries, fmt.Sprintf("%08x = %x", keys[i], values[i*each:(i+1)*each]))
		}
		if s.Map(m).Type() == ebpf.Array || s.Map(m).Type() == ebpf.PerCPUArray {
			s.Logf("batch of %s, call %d: %d, %s", m, calls, got, Errno(err))
		}
		if err != nil {
			slices.Sort(entries)
			s.Logf("batch of %s, take %v: %s; then %s", m, take, entries, Errno(err))
			return
		}
	}
}

// BatchError logs what a batch lookup that fails at once gives.
func (s *Session) BatchError(m string, n int, take bool, opts *ebpf.BatchOptions) {
	keys, values := s.batchSlices(m, n)
	got, err := s.cursor(m)(take, keys, values, opts)
	s.Logf("batch of %s, %d at once, take %v, %+v: %d, %s", m, n, take, opts, got, Errno(err))
}

// BatchUpdate logs how many went in.
func (s *Session) BatchUpdate(m string, keys, values any) {
	n, err := s.Map(m).BatchUpdate(keys, values, nil)
	s.Logf("batch update of %s, %d keys: %d, %s", m, reflect.ValueOf(keys).Len(), n, Errno(err))
}

// BatchDelete logs how many went out.
func (s *Session) BatchDelete(m string, keys any) {
	n, err := s.Map(m).BatchDelete(keys, nil)
	if errors.Is(err, ebpf.ErrNotSupported) {
		n = 0 // the kernel did not write it
	}
	s.Logf("batch delete of %s, %v: %d, %s", m, keys, n, Errno(err))
}

// Keys logs the keys of a map in order, each once, as NextKey gives them.
func (s *Session) Keys(m string) {
	var keys [][]byte
	var cursor any
	for {
		next, err := s.Map(m).NextKeyBytes(cursor)
		if err != nil || next == nil {
			slices.SortFunc(keys, bytes.Compare)
			s.Logf("keys of %s: %x, %s", m, keys, Errno(err))
			return
		}
		keys, cursor = append(keys, next), next
	}
}
