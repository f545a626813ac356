package maps

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/rcu"
)

func storageEnv(t *testing.T, size uint64) *Env {
	t.Helper()
	a, err := arena.New(size)
	if err != nil {
		t.Fatal(err)
	}
	return &Env{Arena: a, CPUs: 2, RCU: new(rcu.Domain)}
}

func TestStorageDefinitions(t *testing.T) {
	for _, c := range []struct {
		d    bpf.Map
		want string // "" where nothing is wrong
	}{
		{bpf.Map{KeySize: 4, ValueSize: 8, Flags: 1}, ""},
		{bpf.Map{KeySize: 4, ValueSize: 65407, Flags: 1 | 1<<9}, ""},
		{bpf.Map{KeySize: 4, ValueSize: 65408, Flags: 1}, "value size is 65408, must be between 1 and 65407"},
		{bpf.Map{KeySize: 4, ValueSize: 8}, "flag BPF_F_NO_PREALLOC is missing"},
		{bpf.Map{KeySize: 4, ValueSize: 8, Flags: 3}, "unknown flags 0x2"},
		{bpf.Map{KeySize: 8, ValueSize: 8, Flags: 1}, "key size is 8, must be 4"},
		{bpf.Map{KeySize: 4, Flags: 1}, "value size is 0, must be between 1 and 65407"},
		{bpf.Map{KeySize: 4, ValueSize: 8, Flags: 1, MaxEntries: 1}, "max_entries is 1, must be 0"},
	} {
		if got := checkLocalStorage(&c.d); fmt.Sprint(got) != c.want && (got != nil || c.want != "") {
			t.Errorf("%+v: %v, want %q", c.d, got, c.want)
		}
	}
	for _, d := range []bpf.Map{{KeySize: 4, ValueSize: 1}, {KeySize: 16}, {KeySize: 16, ValueSize: 4097}, {KeySize: 8, ValueSize: 1, Flags: 1}, {KeySize: 8, ValueSize: 1, MaxEntries: 1}} {
		if checkCgroupStorage(&d) == nil {
			t.Errorf("%+v is let in", d)
		}
	}
}

// Memory is bounded, and a value that was deleted is used again when nobody can hold it.
func TestStorageMemory(t *testing.T) {
	env := storageEnv(t, 4096)
	d := &bpf.Map{Type: uint32(ebpf.TaskStorage), KeySize: 4, ValueSize: 1000, Flags: 1}
	m, err := taskStorageKind.New(env, 0, d)
	if err != nil {
		t.Fatal(err)
	}
	s := m.(*LocalStorage)
	n := 0
	for id := range uint64(10) {
		if _, err := s.Get(id, true, nil); err == nil {
			n++
		} else if err != ENOMEM {
			t.Fatal(err)
		}
	}
	if n != 3 {
		t.Fatalf("%d values fit", n)
	}
	reader := env.RCU.NewReader()
	reader.Enter(env.RCU)
	held, _ := s.Get(1, false, nil)
	if err := s.Remove(1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(20, true, nil); err != ENOMEM {
		t.Errorf("memory that a reader may hold is given out: %v", err)
	}
	reader.Exit()
	value := bytes.Repeat([]byte{7}, 1000)
	if again, err := s.Get(20, true, value); err != nil || again != held {
		t.Errorf("%#x, %v; %#x is free", again, err, held)
	}
	if err := s.Read(binary.LittleEndian.AppendUint32(nil, 20), value); err != nil || value[999] != 7 {
		t.Errorf("first value: %v %v", value[999], err)
	}
	if err := s.Remove(1); err != ENOENT {
		t.Errorf("removed twice: %v", err)
	}
}

// Many who want a value of the same object get the same one.
func TestStorageOfOneObjectIsOne(t *testing.T) {
	env := storageEnv(t, 1<<20)
	d := &bpf.Map{Type: uint32(ebpf.TaskStorage), KeySize: 4, ValueSize: 8, Flags: 1}
	m, _ := taskStorageKind.New(env, 0, d)
	s := m.(*LocalStorage)
	var got [8]uint64
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			key := binary.LittleEndian.AppendUint32(nil, uint32(100+i))
			for range 200 {
				got[i], _ = s.Get(1, true, nil)
				if err := s.Write(key, make([]byte, 8), Any); err != nil {
					t.Error(err)
				}
				s.Remove(uint64(100 + i))
			}
		})
	}
	all.Wait()
	for _, addr := range got {
		if addr == 0 || addr != got[0] {
			t.Errorf("values %#x", got)
		}
	}
}

func TestCgroupStorageOfProgram(t *testing.T) {
	env := storageEnv(t, 1<<16)
	d := &bpf.Map{Type: uint32(ebpf.PerCPUCGroupStorage), KeySize: 16, ValueSize: 4}
	m, err := perCPUCgroupStorageKind.New(env, 0, d)
	if err != nil {
		t.Fatal(err)
	}
	s := m.(*CgroupStorage)
	key := make([]byte, 16)
	binary.LittleEndian.PutUint64(key, 77)
	value := make([]byte, 16)
	if err := s.Write(key, value, Any); err != ENOENT {
		t.Errorf("users make no value: %v", err)
	}
	a, _ := s.Get(77, 0)
	b, _ := s.Get(77, 1)
	if a == 0 || b != a+8 {
		t.Errorf("values at %#x and %#x", a, b)
	}
	value[8] = 3
	if err := s.Write(key, value, Exist); err != nil {
		t.Error(err)
	}
	if mem, _ := env.Arena.Bytes(b, 4); mem[0] != 3 {
		t.Errorf("processor 1 sees %v", mem)
	}
	if err := s.Read(key, value); err != nil || value[8] != 3 {
		t.Errorf("%v %v", value, err)
	}
	if err := s.Delete(key); err != EINVAL {
		t.Errorf("delete: %v", err)
	}
	next := make([]byte, 16)
	if err := s.NextKey(nil, next); err != nil || !bytes.Equal(next, key) {
		t.Errorf("first key %v, %v", next, err)
	}
	if err := s.NextKey(next, next); err != ENOENT {
		t.Errorf("second key: %v", err)
	}
}
