package classic

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// check refuses what bpf_check_classic refuses.
func check(filter []bpf.RawInstruction) error {
	switch n := len(filter); {
	case n == 0:
		return fmt.Errorf("the filter has no instructions")
	case n > MaxInsns:
		return fmt.Errorf("the filter has %d instructions, at most %d are allowed", n, MaxInsns)
	}
	for i, in := range filter {
		if why := checkOne(filter, i, in); why != "" {
			return fmt.Errorf("instruction %d (%#x, %d, %d, %#x): %s", i, in.Op, in.Jt, in.Jf, in.K, why)
		}
	}
	if last := filter[len(filter)-1]; last.Op&7 != classRET {
		return fmt.Errorf("the filter's last instruction does not return")
	}
	return checkScratch(filter)
}

func checkOne(filter []bpf.RawInstruction, i int, in bpf.RawInstruction) string {
	left := len(filter) - i - 1
	switch {
	case !known[in.Op]:
		return "no such instruction"
	case in.Op&7 == classALU && in.Op&srcX == 0 && in.K == 0 && (in.Op&0xf0 == aluDiv || in.Op&0xf0 == aluMod):
		return "division by 0"
	case in.Op&7 == classALU && in.Op&srcX == 0 && in.K >= 32 && (in.Op&0xf0 == aluLsh || in.Op&0xf0 == aluRsh):
		return "a shift by 32 bits or more"
	case usesScratch(in.Op) && in.K >= words:
		return fmt.Sprintf("scratch memory has %d words", words)
	case in.Op&7 == classJMP && in.Op&0xf0 == jmpJA && uint64(in.K) >= uint64(left):
		return "a jump beyond the filter"
	case in.Op&7 == classJMP && in.Op&0xf0 != jmpJA && (int(in.Jt) >= left || int(in.Jf) >= left):
		return "a jump beyond the filter"
	case in.Op&7 == classLD && in.Op&0xe0 == modeABS && int32(in.K) >= ancillary && int32(in.K) < 0 && !isAncillary(in.K):
		return "no such extension"
	}
	return ""
}

// isAncillary says that a load from k is one of the extensions: each has 4 numbers but the last.
func isAncillary(k uint32) bool {
	n := int32(k) - ancillary
	return n >= 0 && n < ancillaryEnd && n%4 == 0
}

func usesScratch(op uint16) bool {
	class := op & 7
	return class == classST || class == classSTX || (class == classLD || class == classLDX) && op&0xe0 == modeMEM
}

// known are the instructions that there are.
var known = func() map[uint16]bool {
	k := map[uint16]bool{}
	for _, op := range []uint16{
		classLD | sizeW | modeABS, classLD | sizeH | modeABS, classLD | sizeB | modeABS,
		classLD | sizeW | modeIND, classLD | sizeH | modeIND, classLD | sizeB | modeIND,
		classLD | sizeW | modeLEN, classLD | modeIMM, classLD | modeMEM,
		classLDX | sizeW | modeLEN, classLDX | sizeB | modeMSH, classLDX | modeIMM, classLDX | modeMEM,
		classST, classSTX, classRET, classRET | retA, classMISC, classMISC | miscTXA, classALU | aluNeg, classJMP | jmpJA,
	} {
		k[op] = true
	}
	for op := uint16(0); op <= aluXor; op += 0x10 {
		if op != aluNeg {
			k[classALU|op], k[classALU|op|srcX] = true, true
		}
	}
	for op := uint16(0x10); op <= jmpJSET; op += 0x10 {
		k[classJMP|op], k[classJMP|op|srcX] = true, true
	}
	return k
}()

// checkScratch refuses filters that may read a word of scratch memory before they wrote it (check_load_and_stores). Jumps
// go forward alone.
func checkScratch(filter []bpf.RawInstruction) error {
	const all = 1<<words - 1
	written := make([]uint32, len(filter)) // words that are written on every way here
	for i := range written {
		written[i] = all
	}
	now := uint32(0)
	for i, in := range filter {
		now &= written[i]
		meet := func(to int) { written[to] &= now }
		switch class := in.Op & 7; {
		case class == classST || class == classSTX:
			now |= 1 << in.K
		case usesScratch(in.Op) && now&(1<<in.K) == 0:
			return fmt.Errorf("instruction %d: word %d of scratch memory may be read before it is written", i, in.K)
		case class == classJMP && in.Op&0xf0 == jmpJA:
			meet(i + 1 + int(in.K))
			now = all
		case class == classJMP:
			meet(i + 1 + int(in.Jt))
			meet(i + 1 + int(in.Jf))
			now = all
		}
	}
	return nil
}
