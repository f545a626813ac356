// Package objfile mends object files before cilium/ebpf reads them. Some of what
// clang and bpftool write that library refuses, although nothing is wrong with it; here
// the file is changed into one that says the same in a way that is read. Names that had to
// change on the way are changed back in what the library returns.
//
// A mend is one file. None of them looks at instructions.
package objfile

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
)

// maxSize bounds an object file: the largest known have some ten megabytes.
const maxSize = 256 << 20

// Result is a file that can be read, and what is to be done with what it gives.
type Result struct {
	Bytes []byte
	// sections are names that were changed: what the file says now, and what it said.
	sections map[string]string
	weak     []string // extern __kconfig variables that need not exist
}

// mends are made in this order.
var mends = []func(*file) error{
	sectionNames,
	externSymbols,
	jumpTables,
	unknownTargets,
	sizes,
	duplicates,
	innerMaps,
	ksyms,
}

// Mend reads an object. What is no little-endian ELF64 is left as it is, for the library to refuse.
func Mend(r io.ReaderAt) (*Result, error) {
	b, err := io.ReadAll(io.NewSectionReader(r, 0, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	if len(b) > maxSize {
		return nil, fmt.Errorf("object file of more than %d bytes", maxSize)
	}
	if len(b) < 20 || [4]byte(b) != [4]byte([]byte(elf.ELFMAG)) || elf.Class(b[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(b[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return &Result{Bytes: b}, nil
	}
	f, err := open(b)
	if err != nil {
		return nil, err
	}
	for _, mend := range mends {
		if err := mend(f); err != nil {
			return nil, err
		}
	}
	return &Result{Bytes: f.close(), sections: f.renamed, weak: f.weak}, nil
}

// Restore gives what was read from Bytes its own names again.
func (r *Result) Restore(spec *ebpf.CollectionSpec) {
	for now, was := range r.sections {
		if m := spec.Maps[now]; m != nil {
			delete(spec.Maps, now)
			m.Name = was
			spec.Maps[was] = m
		}
		for _, v := range spec.Variables {
			if v.SectionName == now {
				v.SectionName = was
			}
		}
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			if was, ok := r.sections[p.Instructions[i].Reference()]; ok {
				p.Instructions[i] = p.Instructions[i].WithReference(was)
			}
		}
	}
}

// Weak returns the names of extern __kconfig variables that are declared __weak.
func (r *Result) Weak() []string { return r.weak }

var le = binary.LittleEndian
