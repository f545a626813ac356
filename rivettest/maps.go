package rivettest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet"
)

// everything lets go-cmp look into structs whatever their fields are called.
var everything = cmp.Exporter(func(reflect.Type) bool { return true })

// Value returns the value at a key. The test ends if there is none.
func Value[V any](t testing.TB, m *rivet.Map, key any) V {
	t.Helper()
	var v V
	if err := m.Lookup(key, &v); err != nil {
		t.Fatalf("map %s, key %v: %v", m.Name(), key, err)
	}
	return v
}

// ExpectValue compares the value at a key with the one that is wanted.
func ExpectValue[V any](t testing.TB, m *rivet.Map, key any, want V) {
	t.Helper()
	var got V
	if err := m.Lookup(key, &got); err != nil {
		t.Errorf("map %s, key %v: %v, want %+v", m.Name(), key, err, want)
		return
	}
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Errorf("map %s, key %v (-want +got):\n%s", m.Name(), key, diff)
	}
}

// ExpectMissing expects that a key has no value.
func ExpectMissing(t testing.TB, m *rivet.Map, key any) {
	t.Helper()
	value, err := m.LookupBytes(key)
	switch {
	case err != nil:
		t.Errorf("map %s, key %v: %v", m.Name(), key, err)
	case value != nil:
		t.Errorf("map %s, key %v: must be missing, has %x", m.Name(), key, value)
	}
}

// Number is what can be summed.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Sum returns the sum of what all processors have at a key of a per-CPU map; a key that is missing gives 0.
func Sum[V Number](t testing.TB, m *rivet.Map, key any) V {
	t.Helper()
	var values []V
	if err := m.Lookup(key, &values); err != nil && !errors.Is(err, rivet.ErrKeyNotExist) {
		t.Fatalf("map %s, key %v: %v", m.Name(), key, err)
	}
	var sum V
	for _, v := range values {
		sum += v
	}
	return sum
}

// ExpectSum compares the sum of what all processors have at a key of a per-CPU map with the one that is wanted.
func ExpectSum[V Number](t testing.TB, m *rivet.Map, key any, want V) {
	t.Helper()
	if got := Sum[V](t, m, key); got != want {
		t.Errorf("map %s, key %v: all processors have %d together, want %d", m.Name(), key, got, want)
	}
}

// Entries returns all entries of a map. For per-CPU maps V is a slice.
func Entries[K comparable, V any](t testing.TB, m *rivet.Map) map[K]V {
	t.Helper()
	entries := map[K]V{}
	var key K
	for it := m.Iterate(); ; {
		var value V
		if !it.Next(&key, &value) {
			if err := it.Err(); err != nil {
				t.Fatalf("map %s: %v", m.Name(), err)
			}
			return entries
		}
		entries[key] = value
	}
}

// ExpectEntries compares all entries of a map with those that are wanted. Entries of
// arrays, which have them all, need not be listed where they are zero.
func ExpectEntries[K comparable, V any](t testing.TB, m *rivet.Map, want map[K]V) {
	t.Helper()
	got := Entries[K, V](t, m)
	if slices.Contains([]rivet.MapType{rivet.Array, rivet.PerCPUArray}, m.Type()) {
		for k, v := range got {
			if _, listed := want[k]; !listed && zero(reflect.ValueOf(v)) {
				delete(got, k)
			}
		}
	}
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Errorf("map %s (-want +got):\n%s", m.Name(), diff)
	}
}

// zero tells whether a value, or each element of a slice, is zero.
func zero(v reflect.Value) bool {
	if v.Kind() != reflect.Slice {
		return v.IsZero()
	}
	for i := range v.Len() {
		if !v.Index(i).IsZero() {
			return false
		}
	}
	return true
}

// Variable returns the value of a global variable.
func Variable[V any](t testing.TB, coll *rivet.Collection, name string) V {
	t.Helper()
	var v V
	g := coll.Variables[name]
	err := fmt.Errorf("variable %s is not in the collection", name)
	if g != nil {
		err = g.Get(&v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}
