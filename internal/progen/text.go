package progen

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/load"
)

// Text writes the program as a small file that Parse reads: a line for each
// map, slot and buffer, and one for each instruction, with its bytes and a
// comment that says what they mean.
//
//	fuel 20000
//	mem HEX
//	map NAME TYPE KEY VALUE ENTRIES [HEX]
//	slot MAP INDEX PROGRAM
//	program NAME TYPE
//	HEX ; comment
func (p *Program) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fuel %d\nmem %x\n", p.Fuel, p.Mem)
	for i, m := range p.Maps {
		fmt.Fprintf(&b, "map %s %d %d %d %d %x\n", m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, p.Init[i])
	}
	for _, s := range p.Slots {
		fmt.Fprintf(&b, "slot %d %d %d\n", s.Map, s.Index, s.Program)
	}
	for i := range p.Raw {
		writeProgram(&b, &p.Raw[i])
	}
	return b.String()
}

func writeProgram(b *strings.Builder, r *load.RawProgram) {
	fmt.Fprintf(b, "program %s %s\n", r.Name, r.Type)
	f := &bpf.Func{Insns: r.Insns}
	for pc := range r.Insns {
		if name, ok := r.Names[pc]; ok {
			fmt.Fprintf(b, "func %s\n", name)
		}
		fmt.Fprintf(b, "%x ; %d: %s\n", Encode(r.Insns[pc]), pc, bpfasm.Format(nil, f, pc))
	}
}

// Encode returns the 8 bytes of an instruction (RFC 9669, section 3).
func Encode(in bpf.Insn) []byte {
	return []byte{in.Op, in.Dst | in.Src<<4, byte(in.Off), byte(in.Off >> 8),
		byte(in.Imm), byte(in.Imm >> 8), byte(in.Imm >> 16), byte(in.Imm >> 24)}
}

func decode(b []byte) bpf.Insn {
	return bpf.Insn{Op: b[0], Dst: b[1] & 15, Src: b[1] >> 4, Off: int16(b[2]) | int16(b[3])<<8,
		Imm: int32(b[4]) | int32(b[5])<<8 | int32(b[6])<<16 | int32(b[7])<<24}
}

// Parse reads what Text wrote.
func Parse(text string) (*Program, error) {
	p := &Program{Kfuncs: kfuncNames}
	sc := bufio.NewScanner(strings.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line, _, _ := strings.Cut(sc.Text(), ";")
		if f := strings.Fields(line); len(f) > 0 {
			if err := p.parseLine(f); err != nil {
				return nil, fmt.Errorf("line %d: %q: %w", n, sc.Text(), err)
			}
		}
	}
	return p, sc.Err()
}

func (p *Program) parseLine(f []string) error {
	var nums []int
	for _, s := range f[1:] {
		n, _ := strconv.Atoi(s)
		nums = append(nums, n)
	}
	switch {
	case f[0] == "fuel" && len(f) == 2:
		p.Fuel = int64(nums[0])
	case f[0] == "mem" && len(f) == 2:
		var err error
		p.Mem, err = hex.DecodeString(f[1])
		return err
	case f[0] == "map" && (len(f) == 6 || len(f) == 7):
		p.Maps = append(p.Maps, bpf.Map{Name: f[1], Type: uint32(nums[1]), KeySize: uint32(nums[2]),
			ValueSize: uint32(nums[3]), MaxEntries: uint32(nums[4])})
		init, err := hex.DecodeString(append(f, "")[6])
		p.Init = append(p.Init, init)
		return err
	case f[0] == "slot" && len(f) == 4:
		p.Slots = append(p.Slots, Slot{nums[0], nums[1], nums[2]})
	case f[0] == "program" && len(f) == 3:
		p.Raw = append(p.Raw, load.RawProgram{Name: f[1], Type: f[2], Names: map[int]string{}})
	case len(p.Raw) == 0:
		return fmt.Errorf("unknown line, or an instruction before the first program")
	case f[0] == "func" && len(f) == 2:
		r := &p.Raw[len(p.Raw)-1]
		r.Names[len(r.Insns)] = f[1]
	default:
		b, err := hex.DecodeString(f[0])
		if err != nil || len(b) != 8 {
			return fmt.Errorf("an instruction has 16 hex digits")
		}
		r := &p.Raw[len(p.Raw)-1]
		r.Insns = append(r.Insns, decode(b))
	}
	return nil
}
