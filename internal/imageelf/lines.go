package imageelf

import (
	"cmp"
	"path"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
)

// row says which source line the code from pc on belongs to.
type row struct {
	pc          uint32
	file        int // index into lineTable.files; meaningless where line is 0
	line        int // 0: no line of the source
	prologueEnd bool
}

// lineTable is what leads from code to source.
type lineTable struct {
	from, to uint32   // the code that it covers
	dirs     []string // the first one is where relative paths start from
	files    []sourceFile
	rows     []row
}

type sourceFile struct {
	recorded string // as the object has it
	dir      int    // index into dirs
	name     string
}

// tableMaker makes a lineTable.
type tableMaker struct {
	lineTable
	mod    *bpf.Module
	im     *compile.Image
	number map[string]int // of files
	dirs   map[string]int
}

// newLineTable makes the line table of an image; ok is false for one without lines.
func newLineTable(mod *bpf.Module, im *compile.Image, dir string) (t *lineTable, ok bool) {
	m := &tableMaker{mod: mod, im: im, number: map[string]int{}, dirs: map[string]int{}}
	m.directory(cmp.Or(dir, "."))
	order := make([]int, len(im.Funcs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(im.Funcs[a].Entry, im.Funcs[b].Entry) })
	for _, i := range order {
		m.function(i)
	}
	if len(m.files) == 0 {
		return nil, false
	}
	m.from, m.to = im.Funcs[order[0]].Entry, im.Funcs[order[len(order)-1]].End
	return &m.lineTable, true
}

// function adds the rows of one function.
func (m *tableMaker) function(fn int) {
	c, lines := m.im.Funcs[fn], m.im.Lines()
	start, _ := slices.BinarySearchFunc(lines, c.Entry, func(e compile.LineEntry, pc uint32) int { return cmp.Compare(e.PC, pc) })
	body := false // past the prologue
	m.add(m.at(c.Entry, fn, 0), true)
	for i := start; i < len(lines) && lines[i].PC < c.End; i++ {
		e, end := lines[i], c.End
		if i+1 < len(lines) {
			end = min(end, lines[i+1].PC)
		}
		if e.PC == end {
			continue // nothing was emitted
		}
		switch {
		case e.Insn == compile.LineStubs:
			m.stubs(e.PC, end)
		case e.Insn >= 0:
			r := m.at(e.PC, fn, int(e.Insn))
			r.prologueEnd = !body
			body = true
			m.add(r, r.prologueEnd)
		}
	}
}

// stubs adds rows for code that checks jump to: each part, up to where it
// leaves for the fault gate, belongs to the line of the check.
func (m *tableMaker) stubs(from, to uint32) {
	for pc := from + 2; pc <= to; pc += 2 {
		if s, ok := m.im.SiteAt(pc); ok {
			m.add(m.at(from, int(s.Func), int(s.Insn)), false)
			from = pc
		}
	}
	if from < to {
		m.add(row{pc: from}, false)
	}
}

// at makes the row of a BPF instruction.
func (m *tableMaker) at(pc uint32, fn, insn int) row {
	l, ok := m.mod.Funcs[fn].LineAt(insn)
	if !ok || l.File == "" {
		return row{pc: pc}
	}
	return row{pc: pc, file: m.file(l.File), line: l.Num}
}

// add appends a row, unless it says what the one before it does.
func (m *tableMaker) add(r row, always bool) {
	if n := len(m.rows); n > 0 {
		last := &m.rows[n-1]
		if last.pc == r.pc {
			*last = r
			return
		}
		if !always && last.line == r.line && last.file == r.file {
			return
		}
	}
	m.rows = append(m.rows, r)
}

// file returns the number of a source file.
func (m *tableMaker) file(recorded string) int {
	n, ok := m.number[recorded]
	if !ok {
		n = len(m.files)
		m.number[recorded] = n
		clean := path.Clean(recorded)
		dir := 0
		if d := path.Dir(clean); d != "." {
			dir = m.directory(d)
		}
		m.files = append(m.files, sourceFile{recorded, dir, path.Base(clean)})
	}
	return n
}

func (m *tableMaker) directory(d string) int {
	n, ok := m.dirs[d]
	if !ok {
		n = len(m.lineTable.dirs)
		m.dirs[d] = n
		m.lineTable.dirs = append(m.lineTable.dirs, d)
	}
	return n
}
