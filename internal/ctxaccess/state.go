package ctxaccess

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/progctx"
)

type kind uint8

const (
	unknown   kind = iota
	context        // the context's address and off
	frame          // r10 and off
	somewhere      // in the frame, nobody knows where
)

// value is what is known of a register.
type value struct {
	kind   kind
	layout *progctx.Layout // of a context
	off    int32
}

// maxOff bounds offsets that are followed.
const maxOff = 1 << 20

// nothing is the exposed offset of a frame to which no pointer is abroad.
const nothing = 1 << 30

// state is what is known before an instruction. Joins only ever forget.
type state struct {
	regs [bpf.NumRegs]value
	// spills are contexts that lie in the frame, at multiples of 8.
	spills [maxSpills]spill
	// exposed is the lowest offset in the frame that a pointer is known to which others may write through. From
	// there on up no spill is believed.
	exposed int32
}

const maxSpills = 6

type spill struct {
	at int32 // offset from r10; 0: none
	v  value
}

// join forgets what is not known in both, and reports whether that was anything.
func (s *state) join(from *state) (changed bool) {
	for r := range s.regs {
		a, b := s.regs[r], from.regs[r]
		if a == b {
			continue
		}
		v := value{}
		if a.inFrame() || b.inFrame() {
			v.kind = somewhere
		}
		if v != a {
			s.regs[r], changed = v, true
		}
	}
	for i := range s.spills {
		if sp := s.spills[i]; sp.at != 0 && !from.has(sp) {
			s.spills[i], changed = spill{}, true
		}
	}
	if from.exposed < s.exposed {
		s.expose(from.exposed)
		changed = true
	}
	return changed
}

func (v value) inFrame() bool { return v.kind == frame || v.kind == somewhere }

func (s *state) has(sp spill) bool {
	for _, o := range s.spills {
		if o == sp {
			return true
		}
	}
	return false
}

func (s *state) set(r uint8, v value) {
	if r != bpf.R10 {
		s.regs[r] = v
	}
}

func (s *state) arithmetic(in bpf.Insn) {
	dst, src := s.regs[in.Dst], value{}
	if in.Op&bpf.SrcX != 0 && in.ALUOp() != bpf.ALUEnd {
		src = s.regs[in.Src]
	}
	v := value{}
	switch {
	case in.Op == bpf.OpMovX && in.Off == 0:
		v = src
	case in.ALUOp() == bpf.ALUMov && in.Op&bpf.SrcX == 0:
	case in.Op == bpf.ClassALU64|bpf.ALUAdd && dst.follow(int64(in.Imm)):
		v = dst
		v.off += in.Imm
	case in.Op == bpf.ClassALU64|bpf.ALUSub && dst.follow(-int64(in.Imm)):
		v = dst
		v.off -= in.Imm
	case dst.inFrame() || src.inFrame():
		v.kind = somewhere
	}
	s.set(in.Dst, v)
}

// follow says whether v and a distance are still known.
func (v value) follow(by int64) bool {
	sum := int64(v.off) + by
	return (v.kind == context || v.kind == frame) && sum > -maxOff && sum < maxOff
}

// escapes notes that v goes where it is not seen who writes through it.
func (s *state) escapes(v value) {
	switch v.kind {
	case frame:
		s.expose(v.off)
	case somewhere:
		s.expose(-nothing)
	}
}

func (s *state) expose(from int32) {
	s.exposed = min(s.exposed, from)
	for i := range s.spills {
		if s.spills[i].at != 0 && s.spills[i].at+8 > s.exposed {
			s.spills[i] = spill{}
		}
	}
}

// spilled returns what a load through base gives.
func (s *state) spilled(base value, in bpf.Insn) value {
	if base.kind != frame || in.Size() != 8 || in.Class() != bpf.ClassLDX {
		return value{}
	}
	for _, sp := range s.spills {
		if sp.at != 0 && sp.at == base.off+int32(in.Off) {
			return sp.v
		}
	}
	return value{}
}

// store is a store through base.
func (s *state) store(base value, in bpf.Insn) {
	if base.kind == somewhere {
		clear(s.spills[:])
	}
	if base.kind != frame {
		return
	}
	at, n := base.off+int32(in.Off), int32(in.Size())
	for i := range s.spills {
		if sp := s.spills[i].at; sp != 0 && sp < at+n && at < sp+8 {
			s.spills[i] = spill{}
		}
	}
	v := s.regs[in.Src]
	if in.Class() != bpf.ClassSTX || in.Mode() != bpf.ModeMEM || n != 8 || v.kind != context || at >= 0 || at%8 != 0 || at+8 > s.exposed {
		return
	}
	for i := range s.spills {
		if s.spills[i].at == 0 {
			s.spills[i] = spill{at, v}
			return
		}
	}
}
