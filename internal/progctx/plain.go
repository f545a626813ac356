package progctx

// Raw bytecode, and objects whose sections name no type: R1 is the address of
// the caller's context if there is one; if not, R1 is the address of the data
// and R2 their length, both 0 when there are none.
var rawLayout = Layout{
	Name:     "memory",
	Types:    []string{TypeRaw, "UnspecifiedProgram"},
	Packet:   true,
	DataArgs: true,
}

// Any other type: R1 is the address of the caller's context, whatever that is;
// by default zeros, enough for a struct pt_regs or a tracepoint's record.
var plainLayout = Layout{
	Name:    "context",
	Default: 512,
}
