package load

import "github.com/rivetbpf/rivet/internal/bpf"

// rule says, for one opcode, what each field of an instruction may hold.
type rule struct {
	dst, src use
	off      offRule
	imm      immRule
	special  special

	// A quick test that passes most instructions: fields within these need no
	// closer look, others do and may still be right.
	maxDst, maxSrc   uint8
	offMask, immMask int32 // bits that must be 0
}

// use says what a register field is for.
type use uint8

const (
	zero    use = iota // reserved: must be 0
	read               // r0 to r10
	write              // r0 to r9: r10 is read-only
	pseudo             // not a register; the special check looks at it
	fetches            // read, and written by some atomic operations
)

type offRule uint8

const (
	offZero  offRule = iota
	offAny           // displacement of a memory access
	offJump          // jump distance
	offDiv           // 0, or 1 for the signed operation
	offMov32         // 0, 8, 16: sign-extending move
	offMov64         // 0, 8, 16, 32
	offCall          // checked with the call
)

type immRule uint8

const (
	immZero immRule = iota
	immAny
	immWidth  // 16, 32, 64
	immAtomic // an atomic operation
)

type special uint8

const (
	unknown special = iota // the opcode does not exist
	plain
	lddw
	call
	callX
	jump    // conditional
	jumpAll // ja, gotol
	exit
	atomic
	legacy // BPF_ABS and BPF_IND packet access
	gotoX  // Linux 6.19
)

// rules is the instruction set: RFC 9669, sections 4 and 5, with may_goto of Linux 6.9 and
// the two atomic operations of Linux 6.14 (load-acquire, store-release).
var rules = quickTests(makeRules())

func makeRules() (t [256]rule) {
	for _, class := range []uint8{bpf.ClassALU, bpf.ClassALU64} {
		for op := 0; op <= bpf.ALUArsh; op += 0x10 {
			k := rule{dst: write, imm: immAny, special: plain}
			x := rule{dst: write, src: read, special: plain}
			switch op {
			case bpf.ALUDiv, bpf.ALUMod:
				k.off, x.off = offDiv, offDiv
			case bpf.ALUMov:
				x.off = offMov32
				if class == bpf.ClassALU64 {
					x.off = offMov64
				}
			case bpf.ALUNeg:
				k.imm = immZero
				t[class|uint8(op)] = k
				continue
			}
			t[class|uint8(op)] = k
			t[class|uint8(op)|bpf.SrcX] = x
		}
	}
	end := rule{dst: write, imm: immWidth, special: plain}
	t[bpf.ClassALU|bpf.ALUEnd] = end          // to little endian
	t[bpf.ClassALU|bpf.ALUEnd|bpf.SrcX] = end // to big endian
	t[bpf.ClassALU64|bpf.ALUEnd] = end        // swap
	t[bpf.OpJA] = rule{off: offJump, special: jumpAll}
	t[bpf.OpGotol] = rule{imm: immAny, special: jumpAll}
	for op := bpf.JmpJEQ; op <= bpf.JmpJSLE; op += 0x10 {
		if op == bpf.JmpCall || op == bpf.JmpExit {
			continue
		}
		for _, class := range []uint8{bpf.ClassJMP, bpf.ClassJMP32} {
			t[class|uint8(op)] = rule{dst: read, off: offJump, imm: immAny, special: jump}
			t[class|uint8(op)|bpf.SrcX] = rule{dst: read, src: read, off: offJump, special: jump}
		}
	}
	t[bpf.OpCall] = rule{src: pseudo, off: offCall, imm: immAny, special: call}
	t[bpf.OpCallX] = rule{dst: read, special: callX}
	t[bpf.OpExit] = rule{special: exit}
	memoryRules(&t)
	t[bpf.OpMayGo] = rule{off: offJump, special: jump}
	t[bpf.OpJA|bpf.SrcX] = rule{special: gotoX}
	return t
}

func memoryRules(t *[256]rule) {
	for _, size := range []uint8{bpf.SizeB, bpf.SizeH, bpf.SizeW, bpf.SizeDW} {
		t[bpf.ClassLDX|bpf.ModeMEM|size] = rule{dst: write, src: read, off: offAny, special: plain}
		t[bpf.ClassST|bpf.ModeMEM|size] = rule{dst: read, off: offAny, imm: immAny, special: plain}
		t[bpf.ClassSTX|bpf.ModeMEM|size] = rule{dst: read, src: read, off: offAny, special: plain}
		t[bpf.ClassSTX|bpf.ModeAtomic|size] = rule{dst: read, src: fetches, off: offAny, imm: immAtomic, special: atomic}
		if size != bpf.SizeDW { // there is nothing to extend
			t[bpf.ClassLDX|bpf.ModeMEMSX|size] = rule{dst: write, src: read, off: offAny, special: plain}
			t[bpf.ClassLD|bpf.ModeABS|size] = rule{special: legacy}
			t[bpf.ClassLD|bpf.ModeIND|size] = rule{special: legacy}
		}
	}
	t[bpf.OpLDDW] = rule{dst: write, src: pseudo, imm: immAny, special: lddw}
}

func quickTests(t [256]rule) [256]rule {
	max := map[use]uint8{zero: 0, read: bpf.R10, write: bpf.R9, pseudo: 15, fetches: bpf.R10}
	for op := range t {
		r := &t[op]
		r.maxDst, r.maxSrc = max[r.dst], max[r.src]
		if r.off != offAny && r.off != offJump && r.off != offCall {
			r.offMask = -1
		}
		if r.imm == immZero || r.imm == immWidth {
			r.immMask = -1
		}
	}
	return t
}
