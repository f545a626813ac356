// Package imageelf writes an image as an RV64 executable with symbols and a
// line table, so that tools that know nothing of BPF show it: objdump -d -S,
// llvm-objdump, gdb, addr2line. The file is made for looking at; it has no
// startup code.
package imageelf

import (
	"debug/elf"
	"fmt"
	"io"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/symbols"
)

// Options say what a file tells besides its code.
type Options struct {
	March string // extensions that the code may use, as rv.ParseMarch takes them; empty: rv64gc
	// Sources says where its sources are. GNU binutils up to 2.40 at least refuse
	// line tables that hold text.
	Sources Sources
}

// Write writes the code of a module. Names are those of the BPF functions.
func Write(w io.Writer, mod *bpf.Module, im *compile.Image, o Options) error {
	if o.March == "" {
		o.March = "rv64gc"
	}
	ext, err := rv.ParseMarch(o.March)
	if err != nil {
		return err
	}
	f := &file{entry: entryPoint(mod, im)}
	if ext.Has(rv.ExtC) {
		f.flags |= flagRVC
	}
	text := f.add(section{name: ".text", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, addr: im.Base, align: 4, data: im.Code})
	f.add(section{name: ".riscv.attributes", typ: shtRISCVAttributes, align: 1, data: attributes(ext)})
	for _, s := range debugSections(mod, im, &o) {
		f.add(s)
	}
	f.symbols(elfSymbols(mod, im), text)
	if err := f.write(w); err != nil {
		return fmt.Errorf("write ELF: %w", err)
	}
	return nil
}

// entryPoint is the address where the first program is entered.
func entryPoint(mod *bpf.Module, im *compile.Image) uint64 {
	if len(mod.Programs) == 0 {
		return im.Base
	}
	return im.Base + uint64(im.Funcs[mod.Programs[0].Func].Entry)
}

// symbol is a name of some bytes of .text.
type symbol struct {
	name       string
	addr, size uint64
	bind       elf.SymBind
	typ        elf.SymType
}

// elfSymbols are those of an image. Programs are global: their names are
// unique; those of static functions need not be.
func elfSymbols(mod *bpf.Module, im *compile.Image) []symbol {
	// A mapping symbol tells disassemblers that what follows is code (RISC-V ELF psABI, "Mapping symbol").
	list := []symbol{{name: "$x", addr: im.Base}}
	for _, s := range symbols.Of(mod, im) {
		bind := elf.STB_LOCAL
		if s.Kind == symbols.Program {
			bind = elf.STB_GLOBAL
		}
		list = append(list, symbol{s.Name, im.Base + uint64(s.From), uint64(s.To - s.From), bind, elf.STT_FUNC})
	}
	return list
}
