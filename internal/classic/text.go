package classic

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"
)

// Parse reads a filter as text: what tcpdump prints with -dd ("{ 0x28, 0, 0, 0x0000000c },") or with -ddd (a
// number of instructions, then four numbers each).
func Parse(text string) ([]bpf.RawInstruction, error) {
	var numbers []uint64
	clean := strings.NewReplacer("{", " ", "}", " ", ",", " ").Replace(text)
	for n, line := range strings.Split(clean, "\n") {
		for _, f := range strings.Fields(line) {
			v, err := strconv.ParseUint(f, 0, 32)
			if err != nil {
				return nil, fmt.Errorf("line %d: %q is no number of at most 32 bits; a filter is what tcpdump -dd or -ddd prints", n+1, f)
			}
			numbers = append(numbers, v)
		}
	}
	if len(numbers)%4 == 1 && numbers[0] == uint64(len(numbers)/4) {
		numbers = numbers[1:]
	}
	if len(numbers)%4 != 0 || len(numbers) == 0 {
		return nil, fmt.Errorf("%d numbers: an instruction has four, as tcpdump -dd or -ddd prints it", len(numbers))
	}
	var filter []bpf.RawInstruction
	for ; len(numbers) > 0; numbers = numbers[4:] {
		if numbers[0] > 0xffff || numbers[1] > 0xff || numbers[2] > 0xff {
			return nil, fmt.Errorf("instruction %d: the opcode has 16 bits, jump distances have 8", len(filter))
		}
		filter = append(filter, bpf.RawInstruction{Op: uint16(numbers[0]), Jt: uint8(numbers[1]), Jf: uint8(numbers[2]), K: uint32(numbers[3])})
	}
	return filter, nil
}
