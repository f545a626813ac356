package objfile

import (
	"debug/elf"
	"slices"
)

// jumpTablesSection is where clang puts the tables of indirect jumps (gotox): for each a symbol BPF.JT.*, and words
// that say how far from the start of its section of code an instruction lies.
const jumpTablesSection = ".jumptables"

// jumpTables makes the section one of read-only data, and its entries slots of the function that refers to their table,
// which is what package load understands: where functions lie in sections the library does not tell.
func jumpTables(f *file) error {
	section := slices.IndexFunc(f.Sections, func(s *elf.Section) bool { return s.Name == jumpTablesSection && s.Type == elf.SHT_PROGBITS })
	if section < 0 {
		return nil
	}
	data := f.contents(section)
	done := map[int]bool{}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_REL || int(s.Info) >= len(f.Sections) || f.Sections[s.Info].Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		for _, r := range f.relocations(s) {
			i := int(r.symbol) - 1 // f.symbols leaves out the first
			if i < 0 || i >= len(f.symbols) || int(f.symbols[i].Section) != section || done[i] {
				continue
			}
			done[i] = true
			if fn := f.functionAt(elf.SectionIndex(s.Info), r.off); fn != nil {
				f.symbols[i].toSlots(data, fn)
			}
		}
	}
	f.renameSection(section, ".rodata"+jumpTablesSection)
	return nil
}

// relocation is an entry of a section of relocations.
type relocation struct {
	off    uint64
	symbol uint32
}

func (f *file) relocations(s *elf.Section) (l []relocation) {
	const size = 16
	i := slices.Index(f.Sections, s)
	for b := f.contents(i); len(b) >= size; b = b[size:] {
		l = append(l, relocation{le.Uint64(b), uint32(le.Uint64(b[8:]) >> 32)})
	}
	return l
}

// functionAt returns the symbol of the function that holds an instruction, nil when there is none.
func (f *file) functionAt(section elf.SectionIndex, off uint64) (fn *symbol) {
	for i := range f.symbols {
		s := &f.symbols[i]
		if s.Section == section && elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Value <= off && (fn == nil || s.Value > fn.Value) {
			fn = s
		}
	}
	return fn
}

// toSlots rewrites the entries of a table in data.
func (s *symbol) toSlots(data []byte, fn *symbol) {
	if s.Value > uint64(len(data)) || s.Size > uint64(len(data))-s.Value {
		return
	}
	const insnSize = 8
	for table := data[s.Value:][:s.Size]; len(table) >= 8; table = table[8:] {
		le.PutUint64(table, (le.Uint64(table)-fn.Value)/insnSize)
	}
}
