package rivet

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// Variable is a global variable of a collection. It is safe for concurrent use
// as far as one call of Get or Set is concerned; aligned variables of 8 bytes
// are read and written whole.
type Variable struct {
	spec *ebpf.VariableSpec
	m    *Map
}

// constant reports whether a section holds what nobody may write after loading.
func constant(section string) bool {
	return section == ".kconfig" || section == ".rodata" || len(section) > 8 && section[:8] == ".rodata."
}

// Name returns the variable's name.
func (v *Variable) Name() string { return v.spec.Name }

// Size returns the variable's size in bytes.
func (v *Variable) Size() uint32 { return v.spec.Size() }

// ReadOnly reports whether Set is refused.
func (v *Variable) ReadOnly() bool { return v.m.frozen.Load() }

// Type returns the variable's type, nil if the object has none.
func (v *Variable) Type() *btf.Var { return v.spec.Type }

// String describes the variable.
func (v *Variable) String() string {
	return fmt.Sprintf("%s (type=%v, size=%d)", v.spec.Name, v.spec.Type, v.Size())
}

// bytes returns where the variable lies: memory that exists as long as v does.
func (v *Variable) bytes() ([]byte, error) {
	b, ok := v.m.core.arena.Bytes(v.m.inst.ValueAddr()+uint64(v.spec.Offset), uint64(v.Size()))
	if !ok || uint64(v.spec.Offset)+uint64(v.Size()) > uint64(v.m.ValueSize()) {
		return nil, fmt.Errorf("variable %s: lies outside section %s", v.spec.Name, v.m.Name())
	}
	return b, nil
}

// Get copies the variable's value to out, a pointer.
func (v *Variable) Get(out any) error {
	b, err := v.bytes()
	if err != nil {
		return err
	}
	val := make([]byte, len(b))
	if w := word(b); w != nil {
		*(*uint64)(unsafe.Pointer(&val[0])) = atomic.LoadUint64(w)
	} else {
		copy(val, b)
	}
	runtime.KeepAlive(v)
	if err := unmarshal(out, val); err != nil {
		return fmt.Errorf("variable %s: %w", v.spec.Name, err)
	}
	return nil
}

// Set gives the variable a value. Constants are refused.
func (v *Variable) Set(in any) error {
	if v.ReadOnly() {
		return &mapError{"variable " + v.spec.Name, ebpf.ErrReadOnly.Error(), []error{ebpf.ErrReadOnly, syscall.EPERM}}
	}
	b, err := v.bytes()
	if err != nil {
		return err
	}
	val, err := marshal(in, len(b))
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.spec.Name, err)
	}
	if w := word(b); w != nil {
		aligned := [1]uint64{}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&aligned[0])), 8), val)
		atomic.StoreUint64(w, aligned[0])
	} else {
		copy(b, val)
	}
	runtime.KeepAlive(v)
	return nil
}

// word returns b as one aligned word, nil when it is none.
func word(b []byte) *uint64 {
	if len(b) != 8 || uintptr(unsafe.Pointer(&b[0]))%8 != 0 {
		return nil
	}
	return (*uint64)(unsafe.Pointer(&b[0]))
}
