package objfile

import (
	"debug/elf"
	"strings"
)

// arenaSection is where clang puts variables of address space 1. Here they are
// variables like any other: both address spaces are guest memory.
const arenaSection = ".addr_space.1"

// sectionNames renames sections of data that the library does not take for
// such: .bss.NAME, which libbpf's private() macro makes, and those of arenas. What
// lies in .struct_ops describes programs to a kernel, so it is put out of sight.
func sectionNames(f *file) error {
	for i, s := range f.Sections {
		switch {
		case strings.HasPrefix(s.Name, ".bss.") || s.Name == arenaSection:
			f.renameSection(i, ".data"+s.Name)
		case s.Name == ".struct_ops" && s.Type == elf.SHT_PROGBITS:
			f.renameSection(i, ".was.struct_ops")
		}
	}
	return nil
}
