package rivet_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// Whatever bytes are loaded as a program: they are refused, or run to their end
// or to a fault of their own on every engine. The engine itself never fails.
func FuzzRawProgram(f *testing.F) {
	s, err := ebpf.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range s.Programs {
		var code []byte
		for _, in := range p.Instructions {
			if in.IsLoadFromMap() || in.IsFunctionReference() {
				code = nil
				break
			}
			code = append(code, encode(in.OpCode, uint8(in.Dst), uint8(in.Src), in.Offset, in.Constant)...)
		}
		if code != nil {
			f.Add(code, []byte("packet"))
		}
	}
	f.Add([]byte{0x71, 0x10, 0, 0, 0, 0, 0, 0, 0x0f, 0x20, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}, []byte{1, 2})
	f.Add([]byte{0x85, 0, 0, 0, 7, 0, 0, 0, 0x8d, 0, 0, 0, 0, 0, 0, 0, 0x05, 0, 0xfd, 0xff, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, code, data []byte) {
		for _, e := range rivet.Engines() {
			p, err := rivet.NewRawProgram("p", code, rivet.CollectionOptions{Engine: e, Fuel: 1000, MaxRuns: 1, PacketMemory: 1 << 16})
			if err != nil {
				continue
			}
			checkFault(t, p, data)
			p.Close()
		}
	})
}

// Whatever bytes are loaded as an object.
func FuzzObject(f *testing.F) {
	for _, name := range []string{"basic", "calls", "kernel"} {
		b, err := os.ReadFile("testdata/face/" + name + ".o")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		s, err := rivet.LoadCollectionSpecFromReader(bytes.NewReader(object))
		if err != nil {
			return
		}
		for _, e := range rivet.Engines() {
			c, err := rivet.NewCollectionWithOptions(s, rivet.CollectionOptions{Engine: e, Fuel: 1000, MaxMemory: 1 << 22, Helpers: theirs()})
			if err != nil {
				continue
			}
			for _, p := range c.Programs {
				checkFault(t, p, nil)
			}
			for _, m := range c.Maps {
				if m.MaxEntries() > 1000 {
					continue
				}
				if b, err := m.DumpJSON(); err == nil && !json.Valid(b) {
					t.Errorf("%v: %s", m, b)
				}
			}
			c.Close()
		}
	})
}

// checkFault runs a program that may do anything but break its engine.
func checkFault(t *testing.T, p *rivet.Program, data []byte) {
	t.Helper()
	_, err := p.Run(&rivet.RunOptions{Data: data})
	var fault *rivet.Fault
	if errors.As(err, &fault) && fault.Kind == rivet.FaultMachine {
		t.Error(err)
	}
}

// encode is one instruction in little-endian order (RFC 9669, section 3).
func encode(op asm.OpCode, dst, src uint8, off int16, imm int64) []byte {
	b := []byte{byte(op), dst | src<<4, byte(off), byte(off >> 8)}
	b = binary.LittleEndian.AppendUint32(b, uint32(imm))
	if op == asm.LoadImmOp(asm.DWord) {
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0, 0, 0), uint32(imm>>32))
	}
	return b
}
