package interp

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Short names for what the cases of the switch are made of.
const (
	alu64 = uint16(bpf.ClassALU64)
	alu32 = uint16(bpf.ClassALU)
	jmp64 = uint16(bpf.ClassJMP)
	jmp32 = uint16(bpf.ClassJMP32)
	ldx   = uint16(bpf.ClassLDX | bpf.ModeMEM)
	ldsx  = uint16(bpf.ClassLDX | bpf.ModeMEMSX)
	st    = uint16(bpf.ClassST | bpf.ModeMEM)
	stx   = uint16(bpf.ClassSTX | bpf.ModeMEM)
	x     = uint16(bpf.SrcX)
)

// run executes fn as the entry of a run. It is long because it is flat: one
// case per instruction, in the order of RFC 9669.
func (m *machine) run(fn *code) (engine.Result, error) {
	var (
		r     [numRegs]uint64
		ops   = fn.ops
		pc    int    // of the next instruction
		n     uint64 // instructions executed
		a     uint64 // offset of a memory access in the arena
		count = bpf.MaxTailCalls
		fuel  = m.take()
		base  = m.e.ar.Base()
		size  = m.e.ar.Size()
		mem   = unsafe.Pointer(unsafe.SliceData(m.e.ar.Mem()))
	)
	copy(r[1:6], m.req.Args[:])
	r[10] = m.req.StackTop
	m.traceEntry(fn)
	for {
		in := &ops[pc]
		pc++
		n++
		code := in.code
		if code >= opBack {
			if code >= opCount {
				atomic.AddUint64(&fn.counts[pc-1], 1)
				code -= opCount
			}
			if code >= opBack {
				if fuel--; fuel < 0 {
					if fuel = m.refuel(); fuel < 0 {
						return engine.Result{Retired: n, Left: fuel}, m.ends(fn, pc-1)
					}
				}
				code -= opBack
			}
		}
		d, s := in.dst&(numRegs-1), in.src&(numRegs-1)
		switch code {
		// 64-bit arithmetic (RFC 9669, section 4.1).
		case alu64 | bpf.ALUAdd:
			r[d] += in.imm
		case alu64 | bpf.ALUSub:
			r[d] -= in.imm
		case alu64 | bpf.ALUMul:
			r[d] *= in.imm
		case alu64 | bpf.ALUOr:
			r[d] |= in.imm
		case alu64 | bpf.ALUAnd:
			r[d] &= in.imm
		case alu64 | bpf.ALUXor:
			r[d] ^= in.imm
		case alu64 | bpf.ALULsh:
			r[d] <<= in.imm & 63
		case alu64 | bpf.ALURsh:
			r[d] >>= in.imm & 63
		case alu64 | bpf.ALUArsh:
			r[d] = uint64(int64(r[d]) >> (in.imm & 63))
		case alu64 | bpf.ALUDiv:
			r[d] = udiv64(r[d], in.imm)
		case alu64 | bpf.ALUMod:
			r[d] = umod64(r[d], in.imm)
		case opSDiv64K:
			r[d] = sdiv64(r[d], in.imm)
		case opSMod64K:
			r[d] = smod64(r[d], in.imm)
		case alu64 | bpf.ALUMov:
			r[d] = in.imm
		case alu64 | bpf.ALUAdd | x:
			r[d] += r[s]
		case alu64 | bpf.ALUSub | x:
			r[d] -= r[s]
		case alu64 | bpf.ALUMul | x:
			r[d] *= r[s]
		case alu64 | bpf.ALUOr | x:
			r[d] |= r[s]
		case alu64 | bpf.ALUAnd | x:
			r[d] &= r[s]
		case alu64 | bpf.ALUXor | x:
			r[d] ^= r[s]
		case alu64 | bpf.ALULsh | x:
			r[d] <<= r[s] & 63
		case alu64 | bpf.ALURsh | x:
			r[d] >>= r[s] & 63
		case alu64 | bpf.ALUArsh | x:
			r[d] = uint64(int64(r[d]) >> (r[s] & 63))
		case alu64 | bpf.ALUDiv | x:
			r[d] = udiv64(r[d], r[s])
		case alu64 | bpf.ALUMod | x:
			r[d] = umod64(r[d], r[s])
		case opSDiv64X:
			r[d] = sdiv64(r[d], r[s])
		case opSMod64X:
			r[d] = smod64(r[d], r[s])
		case alu64 | bpf.ALUMov | x:
			r[d] = r[s]
		case alu64 | bpf.ALUNeg:
			r[d] = -r[d]
		case opMovSX8:
			r[d] = uint64(int8(r[s]))
		case opMovSX16:
			r[d] = uint64(int16(r[s]))
		case opMovSX32:
			r[d] = uint64(int32(r[s]))

		// 32-bit arithmetic; results are zero-extended.
		case alu32 | bpf.ALUAdd:
			r[d] = uint64(uint32(r[d]) + uint32(in.imm))
		case alu32 | bpf.ALUSub:
			r[d] = uint64(uint32(r[d]) - uint32(in.imm))
		case alu32 | bpf.ALUMul:
			r[d] = uint64(uint32(r[d]) * uint32(in.imm))
		case alu32 | bpf.ALUOr:
			r[d] = uint64(uint32(r[d]) | uint32(in.imm))
		case alu32 | bpf.ALUAnd:
			r[d] = uint64(uint32(r[d]) & uint32(in.imm))
		case alu32 | bpf.ALUXor:
			r[d] = uint64(uint32(r[d]) ^ uint32(in.imm))
		case alu32 | bpf.ALULsh:
			r[d] = uint64(uint32(r[d]) << (in.imm & 31))
		case alu32 | bpf.ALURsh:
			r[d] = uint64(uint32(r[d]) >> (in.imm & 31))
		case alu32 | bpf.ALUArsh:
			r[d] = uint64(uint32(int32(r[d]) >> (in.imm & 31)))
		case alu32 | bpf.ALUDiv:
			r[d] = uint64(udiv32(uint32(r[d]), uint32(in.imm)))
		case alu32 | bpf.ALUMod:
			r[d] = uint64(umod32(uint32(r[d]), uint32(in.imm)))
		case opSDiv32K:
			r[d] = uint64(sdiv32(uint32(r[d]), uint32(in.imm)))
		case opSMod32K:
			r[d] = uint64(smod32(uint32(r[d]), uint32(in.imm)))
		case alu32 | bpf.ALUMov:
			r[d] = uint64(uint32(in.imm))
		case alu32 | bpf.ALUAdd | x:
			r[d] = uint64(uint32(r[d]) + uint32(r[s]))
		case alu32 | bpf.ALUSub | x:
			r[d] = uint64(uint32(r[d]) - uint32(r[s]))
		case alu32 | bpf.ALUMul | x:
			r[d] = uint64(uint32(r[d]) * uint32(r[s]))
		case alu32 | bpf.ALUOr | x:
			r[d] = uint64(uint32(r[d]) | uint32(r[s]))
		case alu32 | bpf.ALUAnd | x:
			r[d] = uint64(uint32(r[d]) & uint32(r[s]))
		case alu32 | bpf.ALUXor | x:
			r[d] = uint64(uint32(r[d]) ^ uint32(r[s]))
		case alu32 | bpf.ALULsh | x:
			r[d] = uint64(uint32(r[d]) << (r[s] & 31))
		case alu32 | bpf.ALURsh | x:
			r[d] = uint64(uint32(r[d]) >> (r[s] & 31))
		case alu32 | bpf.ALUArsh | x:
			r[d] = uint64(uint32(int32(r[d]) >> (r[s] & 31)))
		case alu32 | bpf.ALUDiv | x:
			r[d] = uint64(udiv32(uint32(r[d]), uint32(r[s])))
		case alu32 | bpf.ALUMod | x:
			r[d] = uint64(umod32(uint32(r[d]), uint32(r[s])))
		case opSDiv32X:
			r[d] = uint64(sdiv32(uint32(r[d]), uint32(r[s])))
		case opSMod32X:
			r[d] = uint64(smod32(uint32(r[d]), uint32(r[s])))
		case alu32 | bpf.ALUMov | x:
			r[d] = uint64(uint32(r[s]))
		case alu32 | bpf.ALUNeg:
			r[d] = uint64(-uint32(r[d]))
		case opMovSX8W:
			r[d] = uint64(uint32(int8(r[s])))
		case opMovSX16W:
			r[d] = uint64(uint32(int16(r[s])))

		// Byte order (RFC 9669, section 4.2).
		case opLE16:
			r[d] = uint64(uint16(r[d]))
		case opLE32:
			r[d] = uint64(uint32(r[d]))
		case opLE64:
		case opSwap16:
			r[d] = uint64(bits.ReverseBytes16(uint16(r[d])))
		case opSwap32:
			r[d] = uint64(bits.ReverseBytes32(uint32(r[d])))
		case opSwap64:
			r[d] = bits.ReverseBytes64(r[d])

		// Jumps (RFC 9669, section 4.3).
		case uint16(bpf.OpJA):
			pc = int(in.off)
		case jmp64 | bpf.JmpJEQ:
			if r[d] == in.imm {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJNE:
			if r[d] != in.imm {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJGT:
			if r[d] > in.imm {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJGE:
			if r[d] >= in.imm {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJLT:
			if r[d] < in.imm {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJLE:
			if r[d] <= in.imm {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSET:
			if r[d]&in.imm != 0 {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSGT:
			if int64(r[d]) > int64(in.imm) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSGE:
			if int64(r[d]) >= int64(in.imm) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSLT:
			if int64(r[d]) < int64(in.imm) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSLE:
			if int64(r[d]) <= int64(in.imm) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJEQ | x:
			if r[d] == r[s] {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJNE | x:
			if r[d] != r[s] {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJGT | x:
			if r[d] > r[s] {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJGE | x:
			if r[d] >= r[s] {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJLT | x:
			if r[d] < r[s] {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJLE | x:
			if r[d] <= r[s] {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSET | x:
			if r[d]&r[s] != 0 {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSGT | x:
			if int64(r[d]) > int64(r[s]) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSGE | x:
			if int64(r[d]) >= int64(r[s]) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSLT | x:
			if int64(r[d]) < int64(r[s]) {
				pc = int(in.off)
			}
		case jmp64 | bpf.JmpJSLE | x:
			if int64(r[d]) <= int64(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJEQ:
			if uint32(r[d]) == uint32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJNE:
			if uint32(r[d]) != uint32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJGT:
			if uint32(r[d]) > uint32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJGE:
			if uint32(r[d]) >= uint32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJLT:
			if uint32(r[d]) < uint32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJLE:
			if uint32(r[d]) <= uint32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSET:
			if uint32(r[d])&uint32(in.imm) != 0 {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSGT:
			if int32(r[d]) > int32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSGE:
			if int32(r[d]) >= int32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSLT:
			if int32(r[d]) < int32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSLE:
			if int32(r[d]) <= int32(in.imm) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJEQ | x:
			if uint32(r[d]) == uint32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJNE | x:
			if uint32(r[d]) != uint32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJGT | x:
			if uint32(r[d]) > uint32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJGE | x:
			if uint32(r[d]) >= uint32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJLT | x:
			if uint32(r[d]) < uint32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJLE | x:
			if uint32(r[d]) <= uint32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSET | x:
			if uint32(r[d])&uint32(r[s]) != 0 {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSGT | x:
			if int32(r[d]) > int32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSGE | x:
			if int32(r[d]) >= int32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSLT | x:
			if int32(r[d]) < int32(r[s]) {
				pc = int(in.off)
			}
		case jmp32 | bpf.JmpJSLE | x:
			if int32(r[d]) <= int32(r[s]) {
				pc = int(in.off)
			}

		// Loads and stores (RFC 9669, sections 5.1 and 5.2).
		case ldx | bpf.SizeB:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = uint64(*m8(mem, a))
		case ldx | bpf.SizeH:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = uint64(ld16(mem, a))
		case ldx | bpf.SizeW:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = uint64(ld32(mem, a))
		case ldx | bpf.SizeDW:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = ld64(mem, a)
		case ldsx | bpf.SizeB:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = uint64(int8(*m8(mem, a)))
		case ldsx | bpf.SizeH:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = uint64(int16(ld16(mem, a)))
		case ldsx | bpf.SizeW:
			if a = r[s] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			r[d] = uint64(int32(ld32(mem, a)))
		case stx | bpf.SizeB:
			if a = r[d] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			*m8(mem, a) = uint8(r[s])
		case stx | bpf.SizeH:
			if a = r[d] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			st16(mem, a, r[s])
		case stx | bpf.SizeW:
			if a = r[d] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			st32(mem, a, r[s])
		case stx | bpf.SizeDW:
			if a = r[d] + in.imm; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			st64(mem, a, r[s])
		case st | bpf.SizeB:
			if a = r[d] + uint64(in.off) - base; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			*m8(mem, a) = uint8(in.imm)
		case st | bpf.SizeH:
			if a = r[d] + uint64(in.off) - base; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			st16(mem, a, in.imm)
		case st | bpf.SizeW:
			if a = r[d] + uint64(in.off) - base; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			st32(mem, a, in.imm)
		case st | bpf.SizeDW:
			if a = r[d] + uint64(in.off) - base; a >= size {
				return engine.Result{Retired: n, Left: fuel}, m.outside(fn, pc-1, a)
			}
			st64(mem, a, in.imm)
		case opAtomic:
			if err := m.atomic(fn, pc-1, &r); err != nil {
				return engine.Result{Retired: n, Left: fuel}, err
			}
		case opLDDW:
			r[d] = in.imm
			pc++

		// Calls (RFC 9669, section 4.3.1) and tail calls.
		case opSubprog:
			if fn.burn {
				if fuel--; fuel < 0 {
					if fuel = m.refuel(); fuel < 0 {
						return engine.Result{Retired: n, Left: fuel}, m.ends(fn, pc-1)
					}
				}
			}
			callee := m.e.funcs[in.imm]
			m.push(fn, pc, callee, &r, count)
			fn, ops, pc = callee, callee.ops, 0
		case opHelper, opKfunc:
			kind := uint8(bpf.CallHelper)
			if code == opKfunc {
				kind = bpf.CallKfunc
			}
			m.req.Left = m.left + fuel
			r0, done, err := m.helper(fn, pc-1, kind, int32(in.imm), &r, count)
			if fuel = m.reclaim(fuel); done {
				return engine.Result{R0: r0, Retired: n, Left: fuel}, err
			}
			r[0] = r0
		case uint16(bpf.OpCallX):
			if fn.burn {
				if fuel--; fuel < 0 {
					if fuel = m.refuel(); fuel < 0 {
						return engine.Result{Retired: n, Left: fuel}, m.ends(fn, pc-1)
					}
				}
			}
			if i, ok := bpf.FuncIndex(r[d]); ok && i < len(m.e.funcs) && m.e.mod.Funcs[i].AddrTaken {
				callee := m.e.funcs[i]
				m.push(fn, pc, callee, &r, count)
				fn, ops, pc = callee, callee.ops, 0
				continue
			}
			if r[d] >= engine.MaxHelper {
				return engine.Result{Retired: n, Left: fuel}, m.badCall(fn, pc-1, r[d], nil)
			}
			m.req.Left = m.left + fuel
			r0, done, err := m.helper(fn, pc-1, bpf.CallHelper, int32(r[d]), &r, count)
			if fuel = m.reclaim(fuel); done {
				return engine.Result{R0: r0, Retired: n, Left: fuel}, err
			}
			r[0] = r0
		case opMayGoto:
			if m.loops == 0 {
				pc = int(in.off)
			} else {
				m.loops--
			}
		case opTailCall:
			target, err := m.tailTarget(fn, pc-1, &r, count)
			if err != nil {
				return engine.Result{Retired: n, Left: fuel}, err
			}
			if target == nil {
				continue // missed: the next instruction, with all registers as they are
			}
			// A shared count bounds a run's tail calls; by value, 33 can become 2^33.
			if !m.e.shared {
				if fuel--; fuel < 0 {
					if fuel = m.refuel(); fuel < 0 {
						return engine.Result{Retired: n, Left: fuel}, m.ends(fn, pc-1)
					}
				}
			}
			m.traceTailCall(fn, pc-1, &r, count, target)
			count--
			m.loops = bpf.MaxLoops
			fn, ops, pc = target, target.ops, 0
		case uint16(bpf.OpExit):
			if len(m.frames) == 0 {
				m.traceExit(fn, pc-1, count, r[0])
				return engine.Result{R0: r[0], Retired: n, Left: fuel}, nil
			}
			from := fn
			fn, pc, count = m.pop(&r, count)
			ops = fn.ops
			m.traceReturn(fn, pc-1, count, from, r[0])

		default:
			return engine.Result{Retired: n, Left: fuel}, m.notCode(fn, pc-1)
		}
	}
}
