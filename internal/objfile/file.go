package objfile

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// file is an object that is being mended. Nothing moves in it: a section that
// grows is written anew at the end, and its header changed.
type file struct {
	*elf.File
	b       []byte
	headers uint64 // offset of the section headers
	symbols []symbol
	symtab  int // index of its section, 0 when there is none

	renamed  map[string]string // sections, by their new names
	weak     []string
	strings  map[int][]byte // string tables that grew, by section
	btf      *types
	btfIndex int
}

// symbol is an entry of the symbol table, and where it lies.
type symbol struct {
	elf.Symbol
	at uint64 // in b
}

// Sizes and offsets of ELF64 (the System V ABI, chapters 4 and 5).
const (
	headerSize = 64
	shoff      = 40 // in the file header
	shName     = 0  // in a section header
	shOffset   = 24
	shSize     = 32
	symSize    = 24
	symInfo    = 4 // in a symbol
	symSection = 6
	symLength  = 16
)

func open(b []byte) (*file, error) {
	b = bytes.Clone(b)
	e, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("parse ELF: %w", err)
	}
	f := &file{File: e, b: b, renamed: map[string]string{}, strings: map[int][]byte{}}
	if len(b) >= headerSize {
		f.headers = le.Uint64(b[shoff:])
	}
	if uint64(len(e.Sections)) > (uint64(len(b))-min(f.headers, uint64(len(b))))/headerSize {
		return nil, fmt.Errorf("parse ELF: section headers lie outside the file")
	}
	for i, s := range e.Sections {
		if s.Type == elf.SHT_SYMTAB && f.symtab == 0 && s.Offset+s.Size >= s.Offset && s.Offset+s.Size <= uint64(len(b)) {
			f.symtab = i
		}
		if s.Name == ".BTF" {
			f.btfIndex = i
			f.btf = parseBTF(f.contents(i))
		}
	}
	if f.symtab != 0 {
		syms, err := e.Symbols() // without the first, which is empty
		if err != nil {
			return nil, fmt.Errorf("parse ELF: %w", err)
		}
		for i, s := range syms {
			f.symbols = append(f.symbols, symbol{s, e.Sections[f.symtab].Offset + uint64(i+1)*symSize})
		}
	}
	return f, nil
}

// contents returns a section's bytes in the file; nil when it has none there.
func (f *file) contents(i int) []byte {
	s := f.Sections[i]
	if s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_COMPRESSED != 0 || s.Offset > uint64(len(f.b)) || s.FileSize > uint64(len(f.b))-s.Offset {
		return nil
	}
	return f.b[s.Offset:][:s.FileSize:s.FileSize]
}

func (f *file) header(i int) []byte { return f.b[f.headers+uint64(i)*headerSize:][:headerSize] }

// replace puts new contents for a section at the end of the file.
func (f *file) replace(i int, data []byte) {
	for len(f.b)%8 != 0 {
		f.b = append(f.b, 0)
	}
	h := f.header(i)
	le.PutUint64(h[shOffset:], uint64(len(f.b)))
	le.PutUint64(h[shSize:], uint64(len(data)))
	f.b = append(f.b, data...)
}

// intern adds a string to a string table and returns its offset there; 0 when that is no table.
func (f *file) intern(table int, s string) uint32 {
	if f.strings[table] == nil {
		if table <= 0 || table >= len(f.Sections) || f.contents(table) == nil {
			return 0
		}
		f.strings[table] = bytes.Clone(f.contents(table))
	}
	off := len(f.strings[table])
	f.strings[table] = append(append(f.strings[table], s...), 0)
	return uint32(off)
}

// renameSection gives a section another name, in ELF and BTF.
func (f *file) renameSection(i int, name string) {
	was := f.Sections[i].Name
	off := f.intern(f.sectionNames(), name)
	if off == 0 {
		return
	}
	le.PutUint32(f.header(i)[shName:], off)
	f.Sections[i].Name = name
	f.renamed[name] = was
	f.btf.renameDatasec(was, name)
}

// sectionNames returns the index of the table of section names.
func (f *file) sectionNames() int { return int(le.Uint16(f.b[62:])) }

// renameSymbol gives a symbol another name.
func (f *file) renameSymbol(s *symbol, name string) {
	if off := f.intern(int(f.Sections[f.symtab].Link), name); off != 0 {
		le.PutUint32(f.b[s.at:], off)
		s.Name = name
	}
}

// close writes what grew and returns the file.
func (f *file) close() []byte {
	for i := range f.Sections { // in order, so that the same file gives the same bytes
		if s := f.strings[i]; s != nil {
			f.replace(i, s)
		}
	}
	if f.btf != nil && f.btf.grown {
		f.replace(f.btfIndex, f.btf.bytes())
	}
	return f.b
}
