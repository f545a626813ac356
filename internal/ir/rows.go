package ir

import "github.com/rivetbpf/rivet/internal/bpf"

// shape says which operands an operation has, and so how it is written.
type shape uint8

const (
	shapeNone     shape = iota // op
	shapeImm                   // op Imm
	shapeMapRef                // op Imm mapN
	shapeFuncRef               // op Imm funcN
	shapePhi                   // op v, v, …
	shapeBin                   // op v, v|Imm
	shapeUn                    // op v
	shapeLoad                  // op.size v+Imm
	shapeStore                 // op.size v+Imm, v
	shapeStoreImm              // op.size v+Imm, N
	shapeAtomic                // op.what.size v+Imm, v
	shapeCmpXchg               // op.size v+Imm, v, v: compared with, stored
	shapeCall                  // op funcImm(v, …)
	shapeCallX                 // op v(v, …)
	shapeNumCall               // op Imm(v, …)
	shapeTailCall              // op mapImm|any(v, v, v)
	shapeJump                  // op block
	shapeBr                    // op.type cond v, v|Imm, taken, not taken
	shapeMayGoto               // op taken, not taken
)

// rows is the one place that knows how an operation is called and written.
var rows = [NumOps]struct {
	name  string
	shape shape
}{
	OpInvalid:  {"invalid", shapeNone},
	OpParam:    {"param", shapeNone},
	OpUndef:    {"undef", shapeNone},
	OpConst:    {"const", shapeImm},
	OpMapAddr:  {"map", shapeMapRef},
	OpMapValue: {"mapvalue", shapeMapRef},
	OpFuncAddr: {"func", shapeFuncRef},
	OpFrame:    {"frame", shapeImm},
	OpPhi:      {"phi", shapePhi},

	OpAdd:     {"add", shapeBin},
	OpSub:     {"sub", shapeBin},
	OpMul:     {"mul", shapeBin},
	OpUDiv:    {"udiv", shapeBin},
	OpSDiv:    {"sdiv", shapeBin},
	OpUMod:    {"umod", shapeBin},
	OpSMod:    {"smod", shapeBin},
	OpAnd:     {"and", shapeBin},
	OpOr:      {"or", shapeBin},
	OpXor:     {"xor", shapeBin},
	OpShl:     {"shl", shapeBin},
	OpLShr:    {"lshr", shapeBin},
	OpAShr:    {"ashr", shapeBin},
	OpNeg:     {"neg", shapeUn},
	OpCopy:    {"copy", shapeUn},
	OpSext8:   {"sext8", shapeUn},
	OpSext16:  {"sext16", shapeUn},
	OpSext32:  {"sext32", shapeUn},
	OpZext:    {"zext", shapeUn},
	OpZext16:  {"zext16", shapeUn},
	OpBswap16: {"bswap16", shapeUn},
	OpBswap32: {"bswap32", shapeUn},
	OpBswap64: {"bswap64", shapeUn},

	OpLoad:     {"load", shapeLoad},
	OpLoadAcq:  {"loadacq", shapeLoad},
	OpStore:    {"store", shapeStore},
	OpStoreImm: {"storeimm", shapeStoreImm},
	OpStoreRel: {"storerel", shapeStore},
	OpAtomic:   {"atomic", shapeAtomic},
	OpCmpXchg:  {"cmpxchg", shapeCmpXchg},

	OpMapElem: {"mapelem", shapeMapRef},
	OpCPUElem: {"cpuelem", shapeMapRef},

	OpCall:     {"call", shapeCall},
	OpCallX:    {"callx", shapeCallX},
	OpHelper:   {"helper", shapeNumCall},
	OpKfunc:    {"kfunc", shapeNumCall},
	OpTailCall: {"tailcall", shapeTailCall},

	OpJump: {"jump", shapeJump},
	OpBr:   {"br", shapeBr},

	OpMayGoto: {"maygoto", shapeMayGoto},
	OpExit:    {"exit", shapeUn},
}

var condNames = [...]string{EQ: "eq", NE: "ne", ULT: "ult", ULE: "ule", UGT: "ugt",
	UGE: "uge", SLT: "slt", SLE: "sle", SGT: "sgt", SGE: "sge", SET: "set"}

var typeNames = [...]string{Void: "void", I32: "i32", I64: "i64"}

// sizeNames are indexed by the number of bytes.
var sizeNames = [...]string{1: "u8", 2: "u16", 4: "u32", 8: "u64"}

var signedSizeNames = [...]string{1: "s8", 2: "s16", 4: "s32", 8: "s64"}

// atomicNames name what an OpAtomic does, as its N has it: without the fetch bit.
var atomicNames = []struct {
	n    int32
	name string
}{
	{bpf.AtomicAdd, "add"},
	{bpf.AtomicOr, "or"},
	{bpf.AtomicAnd, "and"},
	{bpf.AtomicXor, "xor"},
	{bpf.AtomicXchg &^ bpf.AtomicFetch, "xchg"},
}

// Reverse directions of the tables above, for the parser.
var (
	opByName     = map[string]Op{}
	condByName   = map[string]Cond{}
	typeByName   = map[string]Type{}
	sizeByName   = map[string]uint8{} // with SignBit
	atomicByName = map[string]int32{}
)

func init() {
	for op := OpInvalid + 1; op < NumOps; op++ {
		opByName[rows[op].name] = op
	}
	for i, s := range condNames {
		condByName[s] = Cond(i)
	}
	for i, s := range typeNames {
		typeByName[s] = Type(i)
	}
	for _, n := range []uint8{1, 2, 4, 8} {
		sizeByName[sizeNames[n]] = n
		sizeByName[signedSizeNames[n]] = n | SignBit
	}
	for _, a := range atomicNames {
		atomicByName[a.name] = a.n
	}
}

// String returns the name that the text form uses.
func (op Op) String() string {
	if op < NumOps {
		return rows[op].name
	}
	return "op?"
}

// String returns i32, i64 or void.
func (t Type) String() string { return nameOf(typeNames[:], int(t)) }

// String returns the name that the text form uses.
func (c Cond) String() string { return nameOf(condNames[:], int(c)) }

func nameOf(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return "?"
}

// defines reports whether the instruction defines a value: whether it is
// written with a number and a type in front.
func (in *Instr) defines() bool { return in.Type != Void && in.Op != OpBr }

// EndsBlock reports whether the operation is the last one of a block.
func (op Op) EndsBlock() bool { return op >= OpJump && op < NumOps }

// IsCall reports whether the operation calls and comes back, and so destroys
// R1 to R5.
func (op Op) IsCall() bool { return op >= OpCall && op <= OpKfunc }
