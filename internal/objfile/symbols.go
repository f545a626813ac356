package objfile

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// setInfo changes a symbol's binding and type.
func (f *file) setInfo(s *symbol, bind elf.SymBind, typ elf.SymType) {
	s.Info = elf.ST_INFO(bind, typ)
	f.b[s.at+symInfo] = s.Info
}

// externSymbols makes weak references to __kconfig variables plain ones, which
// the library demands, and remembers them: a weak one that does not exist is 0.
func externSymbols(f *file) error {
	if f.btf == nil {
		return nil
	}
	config := map[string]bool{}
	f.btf.vars(f.btf.datasec(".kconfig"), func(id uint32) {
		if f.btf.kind(id) == kindVar {
			config[f.btf.name(id)] = true
		}
	})
	for i := range f.symbols {
		s := &f.symbols[i]
		if s.Section == elf.SHN_UNDEF && elf.ST_BIND(s.Info) == elf.STB_WEAK && config[s.Name] {
			f.setInfo(s, elf.STB_GLOBAL, elf.ST_TYPE(s.Info))
			f.weak = append(f.weak, s.Name)
		}
	}
	return nil
}

// known reports whether the library can resolve references to a section.
func known(s *elf.Section) bool {
	n := s.Name
	return n == ".maps" || strings.HasPrefix(n, "maps") || n == ".bss" || strings.HasPrefix(n, ".data") || strings.HasPrefix(n, ".rodata") ||
		s.Type == elf.SHT_PROGBITS && s.Flags&elf.SHF_EXECINSTR != 0 || n == ".struct_ops.link"
}

const inSection = " in section "

// Unknown reports whether a reference by that name is to a section which is neither code nor data.
func Unknown(name string) bool { return strings.Contains(name, inSection) }

// unknownTargets makes symbols of sections that the library does not know
// undefined ones. It would refuse the file because of the first reference to
// one; now package load refuses the programs that have such a reference, by its name.
func unknownTargets(f *file) error {
	for i := range f.symbols {
		s := &f.symbols[i]
		if s.Section == elf.SHN_UNDEF || int(s.Section) >= len(f.Sections) || known(f.Sections[s.Section]) {
			continue
		}
		sec := f.Sections[s.Section]
		if sec.Flags&elf.SHF_ALLOC == 0 || strings.HasPrefix(sec.Name, "license") || strings.HasPrefix(sec.Name, "version") {
			continue // of debug information, for example
		}
		what := s.Name
		if what == "" || elf.ST_TYPE(s.Info) == elf.STT_SECTION {
			what = "data"
		}
		f.renameSymbol(s, what+inSection+sec.Name)
		f.setInfo(s, elf.STB_GLOBAL, elf.STT_NOTYPE)
		le.PutUint16(f.b[s.at+symSection:], uint16(elf.SHN_UNDEF))
		s.Section = elf.SHN_UNDEF
	}
	return nil
}

// sizes gives symbols of programs and of legacy maps that have no size the one up to the next symbol, or
// to the end of their section: so they come out of assemblers, and of clang 7 and older.
func sizes(f *file) error {
	starts := map[elf.SectionIndex][]uint64{}
	for i := range f.symbols {
		if s := &f.symbols[i]; f.holds(s) != nil {
			starts[s.Section] = append(starts[s.Section], s.Value)
		}
	}
	for _, l := range starts {
		slices.Sort(l)
	}
	for i := range f.symbols {
		s := &f.symbols[i]
		sec := f.holds(s)
		if sec == nil || s.Size != 0 || s.Name == "" || s.Value >= sec.Size {
			continue
		}
		end := sec.Size
		l := starts[s.Section]
		if next, _ := slices.BinarySearch(l, s.Value+1); next < len(l) {
			end = min(end, l[next])
		}
		s.Size = end - s.Value
		le.PutUint64(f.b[s.at+symLength:], s.Size)
	}
	return nil
}

// holds returns the section of programs or of legacy maps in which a symbol stands for a function or a map;
// nil for other symbols, and for labels.
func (f *file) holds(s *symbol) *elf.Section {
	if s.Section == elf.SHN_UNDEF || int(s.Section) >= len(f.Sections) {
		return nil
	}
	sec := f.Sections[s.Section]
	typ := elf.ST_TYPE(s.Info)
	switch {
	case sec.Type == elf.SHT_PROGBITS && sec.Flags&elf.SHF_EXECINSTR != 0:
		if typ == elf.STT_FUNC || typ == elf.STT_NOTYPE && elf.ST_BIND(s.Info) != elf.STB_LOCAL {
			return sec
		}
	case strings.HasPrefix(sec.Name, "maps"):
		if typ == elf.STT_OBJECT || typ == elf.STT_NOTYPE {
			return sec
		}
	}
	return nil
}

// duplicates gives static functions that share their name, as they may in an object linked from several,
// names of their own: f, f.2, f.3.
func duplicates(f *file) error {
	taken := map[string]bool{}
	isFunc := func(s *symbol) bool {
		return elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Section != elf.SHN_UNDEF && int(s.Section) < len(f.Sections)
	}
	for i := range f.symbols {
		if s := &f.symbols[i]; isFunc(s) && elf.ST_BIND(s.Info) != elf.STB_LOCAL {
			taken[s.Name] = true
		}
	}
	var local []*symbol
	for i := range f.symbols {
		if s := &f.symbols[i]; isFunc(s) && elf.ST_BIND(s.Info) == elf.STB_LOCAL {
			local = append(local, s)
		}
	}
	slices.SortStableFunc(local, func(a, b *symbol) int {
		if a.Section != b.Section {
			return int(a.Section) - int(b.Section)
		}
		return int(int64(a.Value) - int64(b.Value))
	})
	number := map[string]int{}
	for _, s := range local {
		name := s.Name
		for taken[name] {
			number[s.Name]++
			name = fmt.Sprintf("%s.%d", s.Name, number[s.Name]+1)
		}
		taken[name] = true
		if name != s.Name {
			f.renameSymbol(s, name)
		}
	}
	return nil
}
