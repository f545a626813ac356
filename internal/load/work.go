package load

import "github.com/rivetbpf/rivet/internal/bpf"

// maxWork is how many instructions a function may execute, its callees
// included, without burning fuel: a millisecond or so.
const maxWork = 1 << 20

// setWork bounds how much a call of function i executes when it jumps back
// nowhere: all its instructions, and for each call those of the callee. Jumps back
// burn fuel, but calls alone can go on for ever as well: eight frames with a
// hundred calls in each make 10^14. Where it is that much, calls burn fuel, too.
// Callees come first; taken is the largest Work of the functions whose
// addresses are taken, so far.
func (m *merger) setWork(i int, taken int64) {
	f, g := &m.facts[i], m.module.Funcs[i]
	own := int64(len(g.Insns))
	g.Work = own
	for _, pc := range f.refs {
		switch in := &g.Insns[int(pc)-f.start]; {
		case in.Op == bpf.OpCall && in.Src == bpf.CallSubprog:
			g.Work += m.module.Funcs[in.Imm].Work
		case in.Op == bpf.OpCallX:
			g.Work += taken
		}
	}
	if g.Work > max(maxWork, own) {
		g.Work, g.CallsBurn = own, true
	}
}
