//go:build measure

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// benchTables are what --table chooses from.
var benchTables = map[string]func(*bench) error{
	"retired": (*bench).retired,
	"size":    (*bench).size,
	"speed":   (*bench).speed,
	"work":    (*bench).work,
}

func tableNames() []string {
	var names []string
	for n := range benchTables {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// benchRow is what there is about one program on one march.
type benchRow struct {
	program                 string
	linux                   benchFigure
	rivet, unchecked, clang benchResult
}

// rows gathers the results of one march, a program a row.
func (b *bench) rows(march string) ([]benchRow, error) {
	results, err := b.run()
	if err != nil {
		return nil, err
	}
	var rows []benchRow
	for _, r := range results {
		if r.March != march {
			continue
		}
		if n := len(rows); n == 0 || rows[n-1].program != r.Program {
			rows = append(rows, benchRow{program: r.Program, linux: b.references[r.Program].linux(march)})
		}
		row := &rows[len(rows)-1]
		switch r.Variant {
		case "rivet":
			row.rivet = r
		case "rivet-unchecked":
			row.unchecked = r
		case "native":
			row.clang = r
		}
	}
	return rows, nil
}

// empty tells of the programs that return at once: they measure the frame alone.
func empty(program string) bool { return strings.HasPrefix(program, "empty_") }

// retired prints how many instructions a run retires, beside Linux and clang.
func (b *bench) retired() error {
	for _, march := range benchMarches {
		rows, err := b.rows(march)
		if err != nil {
			return err
		}
		t := table{head: []string{march, "Linux", "rivet", "of Linux", "unchecked", "of Linux", "native", "rivet of native", "unchecked of native"}}
		var all, some means
		for _, r := range rows {
			l, c, u, n := r.linux.Retired, r.rivet.Retired, r.unchecked.Retired, r.clang.Retired
			ratios := []float64{ratio(c, l), ratio(u, l), ratio(c, n), ratio(u, n)}
			all.add(ratios)
			if !empty(r.program) {
				some.add(ratios)
			}
			t.add(r.program, l, c, ratios[0], u, ratios[1], n, ratios[2], ratios[3])
		}
		for _, m := range []struct {
			name string
			of   *means
		}{{"geometric mean", &all}, {"without the empty two", &some}} {
			g := m.of.geometric()
			t.add(m.name, "", "", g[0], "", g[1], "", g[2], g[3])
		}
		if err := t.write(b.app.out); err != nil {
			return err
		}
	}
	return nil
}

// size prints how large the code is, beside Linux and clang.
func (b *bench) size() error {
	for _, march := range benchMarches {
		rows, err := b.rows(march)
		if err != nil {
			return err
		}
		t := table{head: []string{march + ", bytes", "Linux", "rivet", "of Linux", "unchecked", "of Linux", "native", "insns: Linux", "rivet", "unchecked", "native"}}
		var all, some means
		for _, r := range rows {
			if r.program == "tailchain33" { // Linux's figure is for one of its 37 programs
				t.add(r.program, r.linux.Bytes, r.rivet.Bytes, "", r.unchecked.Bytes, "", r.clang.Bytes, r.linux.Insns, r.rivet.Insns, r.unchecked.Insns, r.clang.Insns)
				continue
			}
			ratios := []float64{ratio(r.rivet.Bytes, r.linux.Bytes), ratio(r.unchecked.Bytes, r.linux.Bytes)}
			all.add(ratios)
			if !empty(r.program) {
				some.add(ratios)
			}
			t.add(r.program, r.linux.Bytes, r.rivet.Bytes, ratios[0], r.unchecked.Bytes, ratios[1], r.clang.Bytes, r.linux.Insns, r.rivet.Insns, r.unchecked.Insns, r.clang.Insns)
		}
		a, s := all.geometric(), some.geometric()
		t.add("geometric mean", "", "", a[0], "", a[1], "", "", "", "", "")
		t.add("without the empty two", "", "", s[0], "", s[1], "", "", "", "", "")
		if err := t.write(b.app.out); err != nil {
			return err
		}
	}
	return nil
}

func ratio[T int | uint64](a, b T) float64 { return float64(a) / float64(b) }

// means gathers columns of ratios for their geometric means.
type means struct {
	logs []float64
	n    int
}

func (m *means) add(ratios []float64) {
	if m.logs == nil {
		m.logs = make([]float64, len(ratios))
	}
	for i, r := range ratios {
		m.logs[i] += math.Log(r)
	}
	m.n++
}

func (m *means) geometric() []float64 {
	g := make([]float64, len(m.logs))
	for i, l := range m.logs {
		g[i] = math.Exp(l / float64(m.n))
	}
	return g
}

// table is a Markdown table whose columns line up in plain text too.
type table struct {
	head []string
	rows [][]string
}

// add appends a row; ratios get two digits behind the point.
func (t *table) add(cells ...any) {
	var row []string
	for _, c := range cells {
		switch v := c.(type) {
		case float64:
			row = append(row, fmt.Sprintf("%.2f", v))
		default:
			row = append(row, fmt.Sprint(v))
		}
	}
	t.rows = append(t.rows, row)
}

// write prints the table and an empty line.
func (t *table) write(w io.Writer) error {
	width := make([]int, len(t.head))
	for _, row := range append(t.rows, t.head) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	line := func(cell func(i int) string) {
		for i := range t.head {
			b.WriteString("| " + cell(i) + " ")
		}
		b.WriteString("|\n")
	}
	padded := func(row []string) {
		line(func(i int) string {
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(row[i]))
			if i == 0 {
				return row[i] + space
			}
			return space + row[i]
		})
	}
	padded(t.head)
	line(func(i int) string {
		if i == 0 {
			return strings.Repeat("-", width[i])
		}
		return strings.Repeat("-", width[i]-1) + ":"
	})
	for _, row := range t.rows {
		padded(row)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
