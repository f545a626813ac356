package conformance

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// minFrame is the least a frame takes, as in the suite's reference plugin.
// Programs of the suite may touch a few bytes above R10 and expect the frame of
// a caller intact, which holds where frames are not packed.
const minFrame = 64

// stackSize has room for all frames that load lets through, and what lies above.
const stackSize = bpf.MaxFrames*(bpf.MaxStack+minFrame) + minFrame

// maxFuel bounds a run: the longest of the suite counts primes, in some thousands of jumps.
const maxFuel = 100_000_000

// Guest is a loaded program.
type Guest struct {
	mod  *bpf.Module
	maps []*ebpf.MapSpec // by index in mod.Maps
}

// Program loads bytecode that came over the protocol.
func Program(code []byte) (*Guest, error) {
	insns, err := bpfasm.Decode(code)
	if err != nil {
		return nil, err
	}
	var kfuncs []string
	for i := range insns {
		switch in := &insns[i]; {
		case in.Op == bpf.OpCall && in.Src == bpf.CallKfunc:
			// By BTF id, which a program without BTF cannot resolve: any name will do.
			kfuncs = append(kfuncs, fmt.Sprintf("btf_id_%d", in.Imm))
			in.Imm = int32(len(kfuncs) - 1)
		case in.Op == bpf.OpCallX && in.Dst == 0 && in.Imm > 0 && in.Imm < bpf.NumRegs:
			// Before LLVM 19, clang kept the register of callx in the immediate.
			in.Dst, in.Imm = uint8(in.Imm), 0
		}
	}
	mod, err := load.Programs([]load.RawProgram{{Name: "main", Type: "XDP", Insns: insns}}, nil, kfuncs)
	return &Guest{mod: mod}, err
}

// Object loads an ELF object. The suite's runner writes objects that are code
// and one symbol, without those of local functions, which cilium/ebpf needs; so an
// object without relocations counts as the bytecode in its first section of code.
// Of any other, the first program by name is taken.
func Object(object []byte) (*Guest, error) {
	f, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if code := bareCode(f); code != nil {
		b, err := code.Data()
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", code.Name, err)
		}
		return Program(b)
	}
	spec, err := load.ELF(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	mod, info, err := load.Collection(spec)
	if err != nil {
		return nil, err
	}
	if len(mod.Programs) == 0 {
		return nil, errors.New("the object has no program")
	}
	return &Guest{mod, info.MapSpecs}, nil
}

// bareCode returns the first section of code; nil when any code is relocated.
func bareCode(f *elf.File) *elf.Section {
	var code *elf.Section
	for _, s := range f.Sections {
		executable := s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_EXECINSTR != 0 && s.Size > 0
		relocates := s.Type == elf.SHT_REL && int(s.Info) < len(f.Sections) && f.Sections[s.Info].Flags&elf.SHF_EXECINSTR != 0
		if relocates {
			return nil
		}
		if executable && code == nil {
			code = s
		}
	}
	return code
}

// Run runs the first program over a copy of mem: R1 is its address, R2 its length.
func (g *Guest) Run(mem []byte, kind engines.Kind, cfg engines.Config) (r0 uint64, err error) {
	for _, f := range g.mod.Funcs {
		f.FrameSize = max(f.FrameSize, minFrame)
	}
	if err := maps.Check(g.mod.Maps); err != nil {
		return 0, err
	}
	ar, err := kind.NewArena(1<<16 + uint64(len(mem)) + maps.Memory(g.mod.Maps, 1).Fixed)
	if err != nil {
		return 0, err
	}
	at, err := ar.Alloc(uint64(len(mem)) + 1) // one more: a string at the end has its NUL
	if err != nil {
		return 0, err
	}
	b, _ := ar.Bytes(at, uint64(len(mem)))
	copy(b, mem)
	stack, err := ar.Alloc(stackSize)
	if err != nil {
		return 0, err
	}
	tables := engine.NewTables(g.mod.Maps)
	if err := g.makeMaps(&maps.Env{Arena: ar, Tables: tables, CPUs: 1, RCU: new(rcu.Domain)}); err != nil {
		return 0, err
	}
	e, err := kind.New(g.mod, ar, tables, cfg)
	if err != nil {
		return 0, err
	}
	res, err := e.Run(&engine.Request{
		Func: g.mod.Programs[0].Func, Args: [5]uint64{at, uint64(len(mem))},
		StackTop: stack + stackSize - minFrame, Fuel: maxFuel, Gate: &Gate{ar}})
	if f := (*engine.Fault)(nil); errors.As(err, &f) {
		err = fmt.Errorf("%s: %w", g.mod.Where(f.Func, f.Insn), err)
	}
	return res.R0, err
}

// makeMaps makes the maps of an object, so that its global data is there.
func (g *Guest) makeMaps(env *maps.Env) error {
	made, err := maps.New(env, g.mod.Maps)
	if err != nil {
		return err
	}
	for i, m := range made {
		m.Def.Values = m.ValueAddr()
		for _, kv := range g.maps[i].Contents {
			key, ok := kv.Key.(uint32)
			value, ok2 := kv.Value.([]byte)
			if !ok || !ok2 {
				return fmt.Errorf("map %s: initial contents other than data are not part of this protocol", m.Def.Name)
			}
			if err := m.Write(binary.LittleEndian.AppendUint32(nil, key), value, maps.Any); err != nil {
				return fmt.Errorf("map %s: %w", m.Def.Name, err)
			}
		}
	}
	return nil
}
