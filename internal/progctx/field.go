package progctx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Field is a field of a context.
type Field struct {
	Name      string
	Off, Size int
	Write     bool // programs may write it
	hidden    bool // programs of the type may not even read it
}

// Fields are those of one struct, in order. What lies between them is padding.
type Fields []Field

// structOf lays fields out as C does. The text has a name and a size for each, "cb 4x5" for an
// array; a size of 8 that C aligns to 4 is written 4x2; "- 3" is padding.
func structOf(text string) Fields {
	var fs Fields
	off := 0
	for _, one := range strings.Split(text, ",") {
		name, size, _ := strings.Cut(strings.TrimSpace(one), " ")
		each, times, array := strings.Cut(size, "x")
		n := 1
		if array {
			n = number(times)
		}
		align := number(each)
		if name == "-" {
			off += align
			continue
		}
		off = (off + align - 1) &^ (align - 1)
		fs = append(fs, Field{Name: name, Off: off, Size: align * n})
		off += align * n
	}
	return fs
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		panic("BUG: a field's size is " + s)
	}
	return n
}

// size returns the size of the struct, whose alignment is align.
func (fs Fields) size(align int) int {
	last := fs[len(fs)-1]
	return (last.Off + last.Size + align - 1) &^ (align - 1)
}

// at returns the offset of a field.
func (fs Fields) at(name string) int {
	i := slices.IndexFunc(fs, func(f Field) bool { return f.Name == name })
	if i < 0 {
		panic("BUG: there is no field " + name)
	}
	return fs[i].Off
}

// change returns a copy in which the named fields are changed.
func (fs Fields) change(names string, do func(*Field)) Fields {
	fs = slices.Clone(fs)
	for _, name := range strings.Fields(names) {
		fs.at(name)
		for i := range fs {
			if fs[i].Name == name {
				do(&fs[i])
			}
		}
	}
	return fs
}

// writable returns fs with the named fields writable, without leaves programs no access to them.
func (fs Fields) writable(names string) Fields {
	return fs.change(names, func(f *Field) { f.Write = true })
}

func (fs Fields) without(names string) Fields {
	return fs.change(names, func(f *Field) { f.hidden = true })
}

// with is without all but the named ones.
func (fs Fields) with(names string) Fields {
	var others []string
	for _, f := range fs {
		if !slices.Contains(strings.Fields(names), f.Name) {
			others = append(others, f.Name)
		}
	}
	return fs.without(strings.Join(others, " "))
}

// Refuse says why programs may not access size bytes at an offset of the context; "" where they may, or
// where it is not known what the context is.
func (l *Layout) Refuse(off, size int, write bool) string {
	if l.Fields == nil {
		return ""
	}
	verb := "read"
	if write {
		verb = "write"
	}
	for _, f := range l.Fields {
		if off < f.Off || off >= f.Off+f.Size {
			continue
		}
		switch {
		case off+size > f.Off+f.Size:
			return fmt.Sprintf("%s of %d bytes at offset %d of %s: beyond field %s", verb, size, off, l.Name, f.Name)
		case f.hidden:
			return fmt.Sprintf("%s of field %s of %s, which programs of this type do not have", verb, f.Name, l.Name)
		case write && !f.Write:
			return fmt.Sprintf("write to read-only field %s of %s", f.Name, l.Name)
		}
		return ""
	}
	return fmt.Sprintf("%s of %d bytes at offset %d of %s: no field is there", verb, size, off, l.Name)
}
