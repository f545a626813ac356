package helpers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Lack is a helper or kfunc that a module calls and that is not there.
type Lack struct {
	Name     string   // as [NameOf] says it
	Programs []string // that can reach a call, sorted
}

// Missing lists all that m calls and no built-in helper or kfunc is.
func Missing(m *bpf.Module) []Lack {
	t, _ := NewTable(m, nil) // the error is the same, as one sentence
	return t.lacks(m)
}

// lacks lists all that m calls and t has not, sorted by name.
func (t *Table) lacks(m *bpf.Module) []Lack {
	need := map[string]map[string]bool{}
	var r reach
	for i, f := range m.Funcs {
		for _, in := range f.Insns {
			if in.Op != bpf.OpCall || in.Src == bpf.CallSubprog || in.IsTailCall() || t.Find(in.Src, in.Imm) != nil {
				continue
			}
			if r == nil {
				r = Reach(m)
			}
			name := NameOf(m, in.Src, in.Imm)
			if need[name] == nil {
				need[name] = map[string]bool{}
			}
			for _, p := range r.users(m, i) {
				need[name][p] = true
			}
		}
	}
	var list []Lack
	for name, progs := range need {
		list = append(list, Lack{name, sorted(progs)})
	}
	slices.SortFunc(list, func(a, b Lack) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// missing is an error that names everything at once.
func (t *Table) missing(m *bpf.Module) error {
	var list []string
	for _, l := range t.lacks(m) {
		list = append(list, fmt.Sprintf("%s (used by %s)", l.Name, strings.Join(l.Programs, ", ")))
	}
	if list == nil {
		return nil
	}
	return fmt.Errorf("the object calls what is not there: %s; register them as CollectionOptions.Helpers",
		strings.Join(list, "; "))
}

// Builtin returns all helpers and kfuncs that are there, helpers by number, then kfuncs by name.
func Builtin() []*Helper {
	var all []*Helper
	for _, s := range subjects {
		all = append(all, s...)
	}
	slices.SortFunc(all, func(a, b *Helper) int {
		if (a.ID == 0) != (b.ID == 0) {
			return cmp.Compare(b.ID, a.ID)
		}
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Name, b.Name))
	})
	return all
}
