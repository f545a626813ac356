package hart

// prepare sweeps the text and fills ops, starts, index and longest.
func (c *Code) prepare(fuse bool) {
	parcels := len(c.text) / 2
	c.index = make([]int32, parcels)
	n := c.sweep()
	c.starts = make([]uint32, 0, n)
	for i, at := range c.index {
		if at >= 0 {
			c.starts = append(c.starts, uint32(2*i))
		}
	}
	c.ops = make([]op, n+1, n+1+n/64)
	c.ops[n] = op{code: opGoto, imm: int64(c.base) + 2*int64(parcels)}
	c.link(n)
	c.measure(n)
	if fuse {
		c.fuse(n)
	}
	for pc := range c.breaks {
		if i, ok := c.at(pc); ok {
			c.ops[i].code = opBreak
		}
	}
}

// sweep fills index, for which only the lengths of instructions matter, and
// returns how many there are.
func (c *Code) sweep() (n int) {
	for i := 0; i < len(c.index); i++ {
		c.index[i] = int32(n)
		n++
		long := c.text[2*i]&3 == 3 || c.ext&ExtC == 0
		if long && i+1 < len(c.index) {
			i++
			c.index[i] = -1
		}
	}
	return n
}

// link makes an op of each instruction and ties jumps to their targets.
func (c *Code) link(n int) {
	for i := range n {
		pc := c.base + uint64(c.starts[i])
		in := c.fetch(pc)
		o := makeOp(in, pc)
		if isDirect(in.code) {
			target := pc + uint64(in.imm)
			j, ok := c.at(target)
			if !ok {
				j = len(c.ops)
				c.ops = append(c.ops, op{code: opGoto, imm: int64(target)})
			}
			o.aux = int32(j-i) * opSize
		}
		if in.code == opJalr {
			o.aux = int32(c.starts[i]) + int32(in.size)
		}
		c.ops[i] = o
	}
}

// measure computes the longest stretch of n instructions without one that
// always leaves it.
func (c *Code) measure(n int) {
	run := uint64(0)
	for i := range n {
		run++
		c.longest = max(c.longest, run)
		switch c.ops[i].code {
		case opJal, opJ, opJalr, opJr, opRet, opEcall, opEbreak, opIllegal, opFetch:
			run = 0
		}
	}
}

// isDirect reports whether an instruction jumps to an address relative to its own.
func isDirect(c code) bool { return c == opJal || c >= opBeq && c <= opBgeu }

// makeOp prepares the instruction at pc, all but where a jump leads. Special
// cases that are common and cheaper get ops of their own.
func makeOp(in insn, pc uint64) op {
	o := op{code: in.code, rd: in.rd, rs1: in.rs1, rs2: in.rs2, imm: in.imm}
	if o.rd == 0 {
		o.rd = sink
	}
	switch {
	case in.code == opLui:
		o.code = opLi
	case in.code == opAuipc:
		o.code, o.imm = opLi, int64(pc)+in.imm
	case in.code == opAddi && in.rd == 0, in.code == opFenceI:
		o.code = opNop
	case in.code == opAddi && in.rs1 == 0:
		o.code = opLi
	case in.code == opAddi && in.imm == 0:
		o.code = opMv
	case in.code == opAdd && in.rs1 == 0:
		o.code, o.rs1 = opMv, in.rs2
	case in.code == opFence && !orders(in.imm):
		o.code = opNop
	case in.code == opJal && in.rd == 0:
		o.code = opJ
	case in.code == opJal:
		o.imm = int64(pc) + int64(in.size)
	case in.code == opJalr && in.rd == 0 && in.imm == 0:
		o.code = opRet
	case in.code == opJalr && in.rd == 0:
		o.code = opJr
	}
	return o
}
