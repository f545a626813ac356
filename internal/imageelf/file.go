package imageelf

import (
	"debug/elf"
	"io"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
)

// RISC-V ELF psABI, "File Header" and "Sections".
const (
	flagRVC            = 0x1 // EF_RISCV_RVC; the float ABI's two bits are 0: soft
	shtRISCVAttributes = elf.SectionType(0x70000003)
)

// Sizes of the records of ELF64, and the page that segments are aligned to.
const (
	headerSize        = 64
	programHeaderSize = 56
	sectionHeaderSize = 64
	pageSize          = 4096
)

// section is a section of a file.
type section struct {
	name       string
	typ        elf.SectionType
	flags      elf.SectionFlag
	addr       uint64
	align      uint64
	link, info uint32
	entry      uint64
	data       []byte
	nameAt     uint32
	off        uint64
}

// file is an executable with one loadable segment, .text.
type file struct {
	entry    uint64
	flags    uint32
	sections []section
}

// add appends a section and returns its number; number 0 is the null section.
func (f *file) add(s section) int {
	if f.sections == nil {
		f.sections = []section{{}}
	}
	f.sections = append(f.sections, s)
	return len(f.sections) - 1
}

// symbols adds the symbol table of section text, and its strings.
func (f *file) symbols(list []symbol, text int) {
	// Local symbols come first; sh_info is the number of the first other one (gABI, "Symbol Table").
	slices.SortStableFunc(list, func(a, b symbol) int { return int(a.bind) - int(b.bind) })
	locals := 1
	var b buffer
	names := &table{}
	names.add("")
	b = append(b, make([]byte, elf.Sym64Size)...)
	for _, s := range list {
		if s.bind == elf.STB_LOCAL {
			locals++
		}
		b.u32(names.add(s.name))
		b.u8(elf.ST_INFO(s.bind, s.typ), 0)
		b.u16(uint16(text))
		b.u64(s.addr)
		b.u64(s.size)
	}
	strtab := uint32(len(f.sections) + 1)
	f.add(section{name: ".symtab", typ: elf.SHT_SYMTAB, align: 8, link: strtab, info: uint32(locals), entry: elf.Sym64Size, data: b})
	f.add(section{name: ".strtab", typ: elf.SHT_STRTAB, align: 1, data: names.buffer})
}

// layOut gives every section its place and returns the offset behind the last.
// What is loaded lies in the file as it does in a page of memory.
func (f *file) layOut() uint64 {
	names := &table{}
	names.add("")
	f.add(section{name: ".shstrtab", typ: elf.SHT_STRTAB, align: 1})
	for i := range f.sections {
		f.sections[i].nameAt = names.add(f.sections[i].name)
	}
	f.sections[len(f.sections)-1].data = names.buffer
	at := uint64(headerSize + programHeaderSize)
	for i := 1; i < len(f.sections); i++ {
		s := &f.sections[i]
		if s.flags&elf.SHF_ALLOC != 0 {
			at += (s.addr - at) % pageSize
		} else {
			at = (at + s.align - 1) &^ (s.align - 1)
		}
		s.off = at
		at += uint64(len(s.data))
	}
	return (at + 7) &^ 7
}

// write writes header, program header, sections and section headers.
func (f *file) write(w io.Writer) error {
	table := f.layOut()
	var b buffer
	f.header(&b, table)
	for i := range f.sections[1:] {
		s := &f.sections[1+i]
		b = append(b, make([]byte, s.off-uint64(len(b)))...)
		b = append(b, s.data...)
	}
	b = append(b, make([]byte, table-uint64(len(b)))...)
	for i := range f.sections {
		s := &f.sections[i]
		b.u32(s.nameAt)
		b.u32(uint32(s.typ))
		b.u64(uint64(s.flags))
		b.u64(s.addr)
		b.u64(s.off)
		b.u64(uint64(len(s.data)))
		b.u32(s.link)
		b.u32(s.info)
		b.u64(s.align)
		b.u64(s.entry)
	}
	_, err := w.Write(b)
	return err
}

// header appends the file header and the only program header.
func (f *file) header(b *buffer, sectionTable uint64) {
	b.u8(0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT), byte(elf.ELFOSABI_NONE))
	b.u64(0)
	b.u16(uint16(elf.ET_EXEC))
	b.u16(uint16(elf.EM_RISCV))
	b.u32(uint32(elf.EV_CURRENT))
	b.u64(f.entry)
	b.u64(headerSize)
	b.u64(sectionTable)
	b.u32(f.flags)
	for _, v := range []int{headerSize, programHeaderSize, 1, sectionHeaderSize, len(f.sections), len(f.sections) - 1} {
		b.u16(uint16(v))
	}
	text := &f.sections[1]
	b.u32(uint32(elf.PT_LOAD))
	b.u32(uint32(elf.PF_R | elf.PF_X))
	b.u64(text.off)
	b.u64(text.addr)
	b.u64(text.addr)
	b.u64(uint64(len(text.data)))
	b.u64(uint64(len(text.data)))
	b.u64(pageSize)
}

// Tags of .riscv.attributes (RISC-V ELF psABI, "Attributes").
const (
	tagFile       = 1
	tagStackAlign = 4
	tagArch       = 5
)

// attributes says for which processor the code is: RV64IMA and what ext has.
func attributes(ext rv.Ext) []byte {
	var b buffer
	b.u8('A')
	at := len(b)
	b.u32(0) // its length counts itself
	b.cstr("riscv")
	sub := len(b)
	b.u8(tagFile)
	b.u32(0)
	b.uleb(tagStackAlign)
	b.uleb(16)
	b.uleb(tagArch)
	b.cstr(archString(ext))
	putLength(b, at, len(b)-at)
	putLength(b, sub+1, len(b)-sub)
	return b
}

func putLength(b buffer, at, n int) {
	tail := b[at:at]
	tail.u32(uint32(n))
}

// archString is ext in the form that attributes have: every extension with its version.
func archString(ext rv.Ext) string {
	versions := map[byte]string{'i': "2p1", 'm': "2p0", 'a': "2p1", 'c': "2p0"}
	base, long, _ := strings.Cut(strings.TrimPrefix(ext.String(), "rv64"), "_")
	var parts []string
	for i := range len(base) {
		parts = append(parts, base[i:i+1]+versions[base[i]])
	}
	if long != "" {
		for _, name := range strings.Split(long, "_") {
			parts = append(parts, name+"1p0")
		}
	}
	return "rv64" + strings.Join(parts, "_")
}
