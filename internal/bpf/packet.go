package bpf

// Helpers that no program calls by itself. Package load puts calls of them in place of instructions that load from
// a packet: LD_ABS and LD_IND (RFC 9669, section 5.5), and what classic BPF has besides. Their numbers are beyond those that an
// indirect call reaches.
const (
	HelperLoadByte  = 0x1_0001 // R1: offset. R0: the value, in the host's byte order, or a negative number
	HelperLoadHalf  = 0x1_0002
	HelperLoadWord  = 0x1_0003
	HelperAncillary = 0x1_0004 // R1: number of SKF_AD_*, R2: A, R3: X. R0: the value
)

// HelperNoTarget faults: R1 holds what an indirect jump was to go to, and is in none of its tables.
const HelperNoTarget = 0x1_0005

// HelperTrap and the numbers after it stand for instructions that always fault (Module.Traps).
const HelperTrap = 0x2_0000
