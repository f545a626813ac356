//go:build measure && linux && riscv64

package native

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/gate"
)

// NewForeign loads the code of another compiler, to be run and measured exactly
// as an engine's own is: function 0 of the engine is the executable's entry
// point. See bench/native/gate for what the executable must look like: code that
// runs anywhere, its first bytes what leaves through the gate, data on pages of its own
// behind it, and the relocations kept. Such code is trusted; it exists under the build tag measure only.
func NewForeign(ar *arena.Arena, r io.ReaderAt) (*Engine, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	if f.Machine != elf.EM_RISCV || len(f.Progs) != 2 || f.Progs[1].Flags&elf.PF_X != 0 {
		return nil, fmt.Errorf("not an executable of RV64 code and data")
	}
	code, data := f.Progs[0], f.Progs[1]
	if code.Memsz == 0 || data.Memsz != 0 && data.Vaddr%uint64(pageSize) != 0 {
		return nil, fmt.Errorf("no code, or data that does not begin on a page")
	}
	first, end := code.Vaddr, max(code.Vaddr+code.Memsz, data.Vaddr+data.Memsz)
	mem, err := mapCode(int(end - first))
	if err != nil {
		return nil, err
	}
	if err := fillForeign(mem, f); err != nil {
		unmap(mem)
		return nil, err
	}
	if err := seal(mem[:code.Memsz]); err != nil {
		unmap(mem)
		return nil, err
	}
	entry := compile.FuncCode{Entry: uint32(f.Entry - first)}
	e := &Engine{Linked: gate.Linked{Module: &bpf.Module{Funcs: make([]*bpf.Func, 1)}, Arena: ar,
		Image: &compile.Image{Funcs: []compile.FuncCode{entry}}}, held: &held{}}
	e.own(mem)
	e.ret = e.Base // C has its result elsewhere: what stands there moves it, and leaves
	return e, nil
}

// fillForeign copies what is to be loaded and adds the address of mem to the addresses in it.
func fillForeign(mem []byte, f *elf.File) error {
	first := f.Progs[0].Vaddr
	for _, p := range f.Progs {
		if p.Filesz == 0 {
			continue
		}
		if _, err := p.ReadAt(mem[p.Vaddr-first:][:p.Filesz], 0); err != nil {
			return err
		}
	}
	base := addressOf(mem) - first
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || int(s.Info) >= len(f.Sections) || f.Sections[s.Info].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		rela, err := s.Data()
		if err != nil {
			return err
		}
		for ; len(rela) >= 24; rela = rela[24:] {
			if elf.R_RISCV(rela[8]) != elf.R_RISCV_64 {
				continue // relative to the code's own address
			}
			at := binary.LittleEndian.Uint64(rela) - first
			if at > uint64(len(mem)-8) {
				return fmt.Errorf("section %s: a relocation outside what is loaded", s.Name)
			}
			word := mem[at:][:8]
			binary.LittleEndian.PutUint64(word, binary.LittleEndian.Uint64(word)+base)
		}
	}
	return nil
}
