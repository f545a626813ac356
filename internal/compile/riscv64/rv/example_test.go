package rv_test

import (
	"encoding/binary"
	"fmt"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
)

// A function that returns 0x1234 | arg, in as few bytes as RV64IMAC allows.
func Example() {
	words := rv.LoadImm(nil, rv.A5, 0x1234, rv.ExtC)
	words = append(words, rv.R(rv.OR, rv.A0, rv.A0, rv.A5), rv.I(rv.JALR, rv.Zero, rv.RA, 0))
	var code []byte
	for _, w := range words {
		if c, ok := rv.Compress(w); ok {
			code = binary.LittleEndian.AppendUint16(code, c)
		} else {
			code = binary.LittleEndian.AppendUint32(code, w)
		}
	}
	for pc := 0; pc < len(code); {
		text, size, err := rv.Disasm(code[pc:], uint64(pc))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%2d: % x\t%s\n", pc, code[pc:pc+size], text)
		pc += size
	}
	// Output:
	//  0: 85 67	lui a5,0x1
	//  2: 9b 87 47 23	addiw a5,a5,564
	//  6: 5d 8d	or a0,a0,a5
	//  8: 82 80	ret
}
