package load

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// order returns the unit's functions with every caller before its callees, or
// an error that shows a cycle. A function reference counts as a call, since
// whoever holds it may call; an indirect call may reach every function whose
// address is taken.
func (u *unit) order() ([]int, error) {
	u.finishCallees()
	indegree := make([]int32, len(u.funcs))
	for i := range u.funcs {
		for _, c := range u.funcs[i].callees {
			indegree[c]++
		}
	}
	order := make([]int, 0, len(u.funcs))
	for i := range u.funcs {
		if indegree[i] == 0 {
			order = append(order, i)
		}
	}
	for n := 0; n < len(order); n++ {
		for _, c := range u.funcs[order[n]].callees {
			if indegree[c]--; indegree[c] == 0 {
				order = append(order, c)
			}
		}
	}
	if len(order) < len(u.funcs) {
		return nil, u.recursion(indegree)
	}
	return order, nil
}

// finishCallees sorts each list of callees, without duplicates.
func (u *unit) finishCallees() {
	var taken []int
	for i := range u.funcs {
		if u.funcs[i].addr {
			taken = append(taken, i)
		}
	}
	seen := make([]int32, len(u.funcs))
	for i := range u.funcs {
		f := &u.funcs[i]
		if f.callX {
			f.callees = append(f.callees, taken...)
		}
		kept := f.callees[:0]
		for _, c := range f.callees {
			if seen[c] != int32(i+1) {
				seen[c] = int32(i + 1)
				kept = append(kept, c)
			}
		}
		slices.Sort(kept)
		f.callees = kept
	}
}

// recursion describes one cycle. Functions with left[i] > 0 lie on a cycle or
// behind one, so going back from caller to caller among them ends in a cycle.
func (u *unit) recursion(left []int32) error {
	caller := make([]int, len(u.funcs))
	at := -1
	for i := range u.funcs {
		if left[i] > 0 {
			at = i
			for _, c := range u.funcs[i].callees {
				caller[c] = i
			}
		}
	}
	for range u.funcs { // walk until the cycle is entered for certain
		at = caller[at]
	}
	path := []string{u.funcs[at].name}
	for i := caller[at]; i != at; i = caller[i] {
		path = append(path, u.funcs[i].name)
	}
	path = append(path, u.funcs[at].name)
	slices.Reverse(path)
	return fmt.Errorf("recursion is not allowed: %s", chain(path))
}

// chain shows a chain of calls; a long one without its middle.
func chain(path []string) string {
	if len(path) > 12 {
		path = slices.Concat(path[:6], []string{"…"}, path[len(path)-5:])
	}
	return strings.Join(path, " calls ")
}

// checkDepth bounds frames and stack on every chain of calls, as
// check_max_stack_depth of Linux does when a JIT is used: each frame counts
// rounded up to 16 bytes, a chain has at most 512, and 256 where its last
// function, called from another, tail-calls (a tail call releases its own
// frame only).
func (u *unit) checkDepth(order []int) error {
	type chainInfo struct{ frames, above, frameFrom, stackFrom int }
	in := make([]chainInfo, len(u.funcs))
	for i := range in {
		in[i] = chainInfo{frames: 1, frameFrom: -1, stackFrom: -1}
	}
	path := func(i int, from func(*chainInfo) int) string {
		var p []string
		for ; i >= 0; i = from(&in[i]) {
			p = append(p, u.funcs[i].name)
		}
		slices.Reverse(p)
		return chain(p)
	}
	byFrames := func(c *chainInfo) int { return c.frameFrom }
	byStack := func(c *chainInfo) int { return c.stackFrom }
	for _, i := range order {
		f, c := &u.funcs[i], &in[i]
		below := c.above + (f.stackUsed+15)&^15
		switch {
		case c.frames > bpf.MaxFrames:
			return fmt.Errorf("call chain of more than %d frames: %s", bpf.MaxFrames, path(i, byFrames))
		case c.stackFrom >= 0 && f.tailCall && c.above >= bpf.MaxTailStack:
			return fmt.Errorf("stack of %d bytes above function %q, which tail-calls: must be less than %d: %s",
				c.above, f.name, bpf.MaxTailStack, path(i, byStack))
		case below > bpf.MaxStack:
			return fmt.Errorf("stack of %d bytes: at most %d are allowed: %s", below, bpf.MaxStack, path(i, byStack))
		}
		for _, t := range f.callees {
			n := &in[t]
			if c.frames+1 > n.frames {
				n.frames, n.frameFrom = c.frames+1, i
			}
			if below > n.above || n.stackFrom < 0 {
				n.above, n.stackFrom = below, i
			}
		}
	}
	return nil
}
