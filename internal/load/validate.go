package load

import "github.com/rivetbpf/rivet/internal/bpf"

// validate checks every instruction of f, reachable or not.
func (u *unit) validate(f *fn) error {
	first := len(u.jumps)
	for pc := 0; pc < len(f.insns); pc++ {
		in := &f.insns[pc]
		r := &rules[in.Op]
		if r.special == unknown || r.special >= legacy {
			return f.badOpcode(pc, r)
		}
		if in.Dst > r.maxDst || in.Src > r.maxSrc || int32(in.Off)&r.offMask != 0 || in.Imm&r.immMask != 0 || r.imm == immWidth {
			if in.Op == bpf.OpMovX && in.Off == offCast {
				if err := f.cast(pc, r); err != nil {
					return err
				}
				continue
			}
			if err := f.checkFields(pc, r); err != nil {
				return err
			}
		}
		if r.special == plain {
			continue
		}
		if err := u.checkSpecial(f, pc, r); err != nil {
			return err
		}
		if r.special == lddw {
			pc++
		}
	}
	f.jumps = u.jumps[first:len(u.jumps):len(u.jumps)]
	return f.checkEnd()
}

// offCast is the offset that makes a cast of a register move.
const offCast = 1

// cast checks an addr_space_cast, which turns a pointer into the arena of one address space into one of the
// other. Here both are guest memory, with addresses of 32 bits, as it is in Linux but for the upper half
// of pointers of users: what is left of the cast is a move of the lower half. NULL stays NULL.
func (f *fn) cast(pc int, r *rule) error {
	in := &f.insns[pc]
	if err := f.checkRegisters(pc, r); err != nil {
		return err
	}
	if in.Imm != 1 && in.Imm != 1<<16 {
		return f.insnError(pc, "addr_space_cast with imm %#x, must be 0x1 (to address space 0) or 0x10000 (to 1)", uint32(in.Imm))
	}
	*in = bpf.Insn{Op: bpf.ClassALU | bpf.ALUMov | bpf.SrcX, Dst: in.Dst, Src: in.Src}
	return nil
}

// checkFields looks at each field that r alone decides.
func (f *fn) checkFields(pc int, r *rule) error {
	if err := f.checkRegisters(pc, r); err != nil {
		return err
	}
	if err := f.checkOff(pc, r); err != nil {
		return err
	}
	return f.checkImm(pc, r)
}

func (f *fn) badOpcode(pc int, r *rule) error {
	in := f.insns[pc]
	switch {
	case r.special == gotoX:
		return f.insnError(pc, "indirect jump (gotox) without a jump table: section %s of the object holds those", jumpTablesSection)
	case in.Op == 0 && pc > 0 && f.insns[pc-1].IsLDDW():
		return f.insnError(pc, "second half of a 64-bit immediate load without a first")
	}
	return f.insnError(pc, "unknown opcode %#02x", in.Op)
}

func (f *fn) checkRegisters(pc int, r *rule) error {
	in := &f.insns[pc]
	if r.dst == zero {
		if in.Dst != 0 {
			return f.insnError(pc, "reserved field dst is %d, must be 0", in.Dst)
		}
	} else if in.Dst > bpf.R10 {
		return f.insnError(pc, "there is no register r%d", in.Dst)
	} else if r.dst == write && in.Dst == bpf.R10 {
		return f.insnError(pc, "write to r10, which is read-only")
	}
	switch r.src {
	case zero:
		if in.Src != 0 {
			return f.insnError(pc, "reserved field src is %d, must be 0", in.Src)
		}
	case read, fetches:
		if in.Src > bpf.R10 {
			return f.insnError(pc, "there is no register r%d", in.Src)
		}
	}
	return nil
}

func (f *fn) checkOff(pc int, r *rule) error {
	off := f.insns[pc].Off
	if off == 0 {
		return nil
	}
	switch r.off {
	case offZero:
		return f.insnError(pc, "reserved field offset is %d, must be 0", off)
	case offDiv:
		if off != 1 {
			return f.insnError(pc, "offset of a division or modulo is %d, must be 0 or, for the signed operation, 1", off)
		}
	case offMov32, offMov64:
		switch {
		case off == 8 || off == 16 || off == 32 && r.off == offMov64:
		case r.off == offMov32:
			return f.insnError(pc, "offset of a 32-bit move is %d, must be 0, 8 or 16", off)
		default:
			return f.insnError(pc, "offset of a move is %d, must be 0, 8, 16 or 32", off)
		}
	}
	return nil
}

func (f *fn) checkImm(pc int, r *rule) error {
	imm := f.insns[pc].Imm
	switch r.imm {
	case immZero:
		if imm != 0 && r.special != callX {
			return f.insnError(pc, "reserved field imm is %#x, must be 0", uint32(imm))
		}
	case immWidth:
		if imm != 16 && imm != 32 && imm != 64 {
			return f.insnError(pc, "width of a byte swap is %d, must be 16, 32 or 64", imm)
		}
	}
	return nil
}

func (u *unit) checkSpecial(f *fn, pc int, r *rule) error {
	switch r.special {
	case jump, jumpAll:
		u.jumps = append(u.jumps, int32(pc))
		return u.checkJump(f, pc)
	case lddw:
		return u.checkLDDW(f, pc)
	case call:
		return u.checkCall(f, pc)
	case callX:
		return f.checkCallX(pc)
	case atomic:
		return f.checkAtomic(pc)
	}
	return nil
}

func (u *unit) checkJump(f *fn, pc int) error {
	t := f.insns[pc].JumpTarget(pc)
	switch {
	case t < 0 || t >= len(f.insns):
		if abs := t + f.start; abs >= 0 && abs < len(u.insns) {
			return f.insnError(pc, "jump to insn %d leaves the function, which has %d", t, len(f.insns))
		}
		return f.insnError(pc, "jump to insn %d is out of range: the function has %d", t, len(f.insns))
	case u.mark[f.start+t] < 0:
		return f.insnError(pc, "jump to insn %d, the second half of a 64-bit immediate load", t)
	}
	return nil
}

func (u *unit) checkLDDW(f *fn, pc int) error {
	in := f.insns[pc]
	if pc+1 >= len(f.insns) {
		return f.insnError(pc, "64-bit immediate load without its second half")
	}
	hi := f.insns[pc+1]
	if hi.Op != 0 || hi.Dst != 0 || hi.Src != 0 || hi.Off != 0 {
		return f.insnError(pc, "second half of a 64-bit immediate load has a field other than imm set")
	}
	switch in.Src {
	case bpf.LoadImm64:
		return nil
	case bpf.LoadMap, pseudoMapIdx, bpf.LoadMapValue, pseudoMapIdxValue:
		return u.checkMapRef(f, pc)
	case bpf.LoadFunc:
		if _, ok := u.funcAt(f.start+pc, in.Imm); !ok {
			return f.insnError(pc, "reference to a function at insn %d of the program, where none can begin", int64(f.start+pc)+1+int64(in.Imm))
		}
	case pseudoBTFID:
		return f.insnError(pc, "address of a kernel variable (BPF_PSEUDO_BTF_ID) is not supported")
	default:
		return f.insnError(pc, "unknown kind %d of 64-bit immediate load", in.Src)
	}
	return f.checkUpperZero(pc, "function")
}

func (f *fn) checkUpperZero(pc int, what string) error {
	if v := f.insns[pc+1].Imm; v != 0 {
		return f.insnError(pc, "upper half of a %s reference is %#x, must be 0", what, uint32(v))
	}
	return nil
}

// checkMapRef follows resolve_pseudo_ldimm64 and array_map_direct_value_addr
// of Linux: the address of a value exists for arrays of one element only.
func (u *unit) checkMapRef(f *fn, pc int) error {
	in, off := f.insns[pc], uint32(f.insns[pc+1].Imm)
	if in.Imm < 0 || int(in.Imm) >= len(u.maps) {
		return f.insnError(pc, "reference to map %d: there are %d maps", in.Imm, len(u.maps))
	}
	if in.Src == bpf.LoadMap || in.Src == pseudoMapIdx {
		return f.checkUpperZero(pc, "map")
	}
	switch m := u.maps[in.Imm]; {
	case m.Type == bpf.MapTypeArena && uint64(off) < uint64(m.MaxEntries)*4096:
		return nil // arena_map_direct_value_addr
	case m.Type != bpf.MapTypeArray || m.MaxEntries != 1:
		return f.insnError(pc, "address of a value of map %q, which is not an array of one element", m.Name)
	case off >= m.ValueSize:
		return f.insnError(pc, "offset %d is outside the value of map %q (%d bytes)", off, m.Name, m.ValueSize)
	}
	return nil
}

func (u *unit) checkCall(f *fn, pc int) error {
	in := f.insns[pc]
	// The offset of a kfunc call names a BTF object; it is spent once the
	// kfunc has an index.
	if in.Off != 0 {
		return f.insnError(pc, "reserved field offset is %d, must be 0", in.Off)
	}
	switch in.Src {
	case bpf.CallHelper:
		return nil
	case bpf.CallSubprog:
		if _, ok := u.funcAt(f.start+pc, in.Imm); !ok {
			t := int64(f.start+pc) + 1 + int64(in.Imm)
			if t >= 0 && t < int64(len(u.insns)) {
				return f.insnError(pc, "call to insn %d of the program, the second half of a 64-bit immediate load", t)
			}
			return f.insnError(pc, "call to insn %d of the program is out of range: it has %d", t, len(u.insns))
		}
	case bpf.CallKfunc:
		if in.Imm < 0 || int(in.Imm) >= u.kfuncs {
			return f.insnError(pc, "call of kfunc %d: there are %d kfuncs", in.Imm, u.kfuncs)
		}
	default:
		return f.insnError(pc, "unknown kind %d of call", in.Src)
	}
	return nil
}

// checkCallX accepts both encodings of the register: dst, and imm, where clang
// put it before version 19.
func (f *fn) checkCallX(pc int) error {
	in := f.insns[pc]
	switch {
	case in.Imm == 0:
		return nil
	case in.Dst != 0:
		return f.insnError(pc, "indirect call with both dst (r%d) and imm (%#x) set", in.Dst, uint32(in.Imm))
	case in.Imm < 0 || in.Imm > bpf.R10:
		return f.insnError(pc, "there is no register r%d", in.Imm)
	}
	return nil
}

// checkAtomic follows RFC 9669, section 5.3, and check_atomic of Linux 6.14.
func (f *fn) checkAtomic(pc int) error {
	in := f.insns[pc]
	switch in.Imm {
	case bpf.AtomicLoadAcq:
		if in.Dst == bpf.R10 {
			return f.insnError(pc, "write to r10, which is read-only")
		}
		return nil
	case bpf.AtomicStoreRel:
		return nil
	case bpf.AtomicAdd, bpf.AtomicOr, bpf.AtomicAnd, bpf.AtomicXor, bpf.AtomicCmpXchg:
	case bpf.AtomicAdd | bpf.AtomicFetch, bpf.AtomicOr | bpf.AtomicFetch, bpf.AtomicAnd | bpf.AtomicFetch,
		bpf.AtomicXor | bpf.AtomicFetch, bpf.AtomicXchg:
		if in.Src == bpf.R10 {
			return f.insnError(pc, "write to r10, which is read-only")
		}
	default:
		return f.insnError(pc, "unknown atomic operation %#x", uint32(in.Imm))
	}
	if n := in.Size(); n < 4 {
		return f.insnError(pc, "atomic operation on %d bytes: only 4 and 8 are possible", n)
	}
	return nil
}

// checkEnd refuses a function whose last instruction lets control go on.
func (f *fn) checkEnd() error {
	pc := len(f.insns) - 1
	if pc > 0 && f.insns[pc-1].IsLDDW() {
		pc-- // never exit, whatever its second half looks like
	}
	switch f.insns[pc].Op {
	case bpf.OpExit, bpf.OpJA, bpf.OpGotol:
		return nil
	}
	return f.insnError(pc, "control falls off the end of the function: the last instruction must be exit or an unconditional jump")
}
