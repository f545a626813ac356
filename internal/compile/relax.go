package compile

import "fmt"

// Form is one way to encode a jump: its size and the distances that it reaches,
// counted from its first byte.
type Form struct {
	Size     uint8
	Min, Max int64
}

// relax chooses the shortest form for each jump. Jumps only ever grow, so it
// ends; each round is linear. A program built to make every round grow one
// jump would take many rounds, so from round maxRounds on a jump that does not
// fit takes its longest form at once, and so does one that nearly does not fit.
// A program may be built for that, too: after twice as many rounds all take it.
func (b *Buffer) relax(t Target) error {
	forms := b.forms(t)
	for i := range b.jumps {
		b.jumps[i].size = forms[b.jumps[i].kind][0].Size
	}
	const maxRounds = 8
	starts := make([]int64, len(b.jumps)+1) // bytes that the jumps before the i-th take
	for round := 0; ; round++ {
		for i := range b.jumps {
			starts[i+1] = starts[i] + int64(b.jumps[i].size)
		}
		if round == 2*maxRounds {
			b.longest(forms)
			continue
		}
		grew, err := b.grow(forms, starts, round >= maxRounds)
		if err != nil || !grew {
			return err
		}
	}
}

func (b *Buffer) forms(t Target) [maxKinds][]Form {
	var forms [maxKinds][]Form
	for k := range forms {
		forms[k] = t.Forms(uint8(k))
	}
	return forms
}

const maxKinds = 16

// grow gives each jump that does not reach its label a longer form.
func (b *Buffer) grow(forms [maxKinds][]Form, starts []int64, hurry bool) (grew bool, err error) {
	for i := range b.jumps {
		j := &b.jumps[i]
		dist := b.dist(i, starts)
		fs := forms[j.kind]
		for {
			f := fs[j.form]
			slack := int64(0)
			if hurry {
				slack = f.Max / 2
			}
			if dist >= f.Min+slack && dist <= f.Max-slack {
				break
			}
			if int(j.form) == len(fs)-1 {
				if dist >= f.Min && dist <= f.Max {
					break
				}
				return false, fmt.Errorf("jump over %d bytes of code: the longest form reaches %d", dist, f.Max)
			}
			j.form++
			if hurry {
				j.form = uint8(len(fs) - 1)
			}
			j.size = fs[j.form].Size
			grew = true
		}
	}
	return grew, nil
}

// longest gives each jump its longest form.
func (b *Buffer) longest(forms [maxKinds][]Form) {
	for i := range b.jumps {
		j := &b.jumps[i]
		j.form = uint8(len(forms[j.kind]) - 1)
		j.size = forms[j.kind][j.form].Size
	}
}

// dist returns the distance from jump i to its label.
func (b *Buffer) dist(i int, starts []int64) int64 {
	j := &b.jumps[i]
	l := b.labels[j.label]
	return int64(l.raw) + starts[l.jumps] - int64(j.at) - starts[i]
}

// link writes the code with every jump in its place, and resolves positions.
func (b *Buffer) link(t Target, im *Image) {
	starts := make([]int64, len(b.jumps)+1)
	for i := range b.jumps {
		starts[i+1] = starts[i] + int64(b.jumps[i].size)
	}
	code := make([]byte, 0, int64(len(b.raw))+starts[len(b.jumps)])
	from := int32(0)
	for i := range b.jumps {
		j := &b.jumps[i]
		code = append(code, b.raw[from:j.at]...)
		from = j.at
		code = t.EncodeJump(code, j.kind, int(j.form), j.word, b.dist(i, starts))
	}
	im.Code = append(code, b.raw[from:]...)
	pc := func(p position) uint32 { return uint32(int64(p.raw) + starts[p.jumps]) }
	im.lines = make([]LineEntry, len(b.lines))
	for i, l := range b.lines {
		im.lines[i] = LineEntry{PC: pc(l.position), Func: l.fn, Insn: l.insn}
	}
	im.sites = make([]Site, len(b.sites))
	for i, s := range b.sites {
		im.sites[i] = s.Site
		im.sites[i].PC = pc(s.position)
	}
	im.marks = make([]Mark, len(b.marks))
	for i, m := range b.marks {
		im.marks[i] = m.Mark
		im.marks[i].PC = pc(m.position)
	}
}

// pc returns the offset of a bound label; valid after relax.
func (b *Buffer) pc(l Label, starts []int64) uint32 {
	p := b.labels[l]
	return uint32(int64(p.raw) + starts[p.jumps])
}
