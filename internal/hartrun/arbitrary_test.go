package hartrun_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/load"
)

// TestArbitraryPrograms runs what the loader lets through, however senseless:
// registers read before they are written, pointers from anywhere, calls of
// anything. Engines may differ on the result of reading what nobody wrote, but
// a run must end in a result or in a fault that is the guest's own, with every
// byte outside the arena out of its reach.
func TestArbitraryPrograms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	variants := []engines.Config{{}, {Scheme: engine.Propagated}, {March: "rv64gc_zba_zbb_zbs_zicond_zacas"},
		{Scheme: engine.Propagated, March: "rv64g"}}
	kinds := map[string]int{}
	loaded := 0
	for n := 0; loaded < 4000; n++ {
		insns := arbitrary(rnd)
		maps := []*bpf.Map{{Name: "jump", Type: bpf.MapTypeProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 3},
			{Name: "data", Type: bpf.MapTypeArray, KeySize: 4, ValueSize: 24, MaxEntries: 1}}
		mod, err := load.Programs([]load.RawProgram{{Name: "main", Type: "XDP", Insns: insns}}, maps, []string{"some"})
		if err != nil {
			continue
		}
		loaded++
		kind, err := engines.Get([]string{"hart", "hart", "hart", "interp"}[loaded%4])
		if err != nil {
			t.Fatal(err)
		}
		c := variants[loaded%len(variants)]
		if kind.Name == "interp" {
			c.March = ""
		}
		r := rigFor(t, mod, kind, c)
		slots, _ := r.tables.Of(0)
		slots[0], slots[2] = r.target("main"), r.target("main")
		req := r.request(rnd.Uint64(), r.memAt+8, bpf.MapHandle(rnd.IntN(3)), bpf.FuncHandle(rnd.IntN(3)))
		req.Fuel = 300
		_, err = r.engine.Run(req)
		var f *engine.Fault
		switch {
		case err == nil:
			kinds["none"]++
		case !errors.As(err, &f), f.Kind == engine.FaultMachine:
			for pc := range mod.Funcs[0].Insns {
				t.Logf("%3d: %s", pc, bpfasm.Format(mod, mod.Funcs[0], pc))
			}
			t.Fatalf("program %d on %s %+v: %v", n, kind.Name, c, err)
		default:
			kinds[f.Kind.String()]++
		}
	}
	t.Logf("ends: %v", kinds)
}

// arbitrary makes instructions of which many load: fields hold what they may.
func arbitrary(rnd *rand.Rand) []bpf.Insn {
	n := 3 + rnd.IntN(30)
	insns := make([]bpf.Insn, 0, n+2)
	reg := func(limit int) uint8 { return uint8(rnd.IntN(limit)) }
	imm := func() int32 {
		if rnd.IntN(3) == 0 {
			return int32(rnd.Uint32())
		}
		return int32(rnd.IntN(70) - 4)
	}
	off := func() int16 { return []int16{0, 8, -8, -16, 1, -3, 2040, 2048, -32768}[rnd.IntN(9)] }
	size := func() uint8 { return uint8(rnd.IntN(4)) << 3 }
	for len(insns) < n {
		in := bpf.Insn{Dst: reg(10), Src: reg(11)}
		x := uint8(rnd.IntN(2)) * bpf.SrcX
		switch rnd.IntN(10) {
		case 0, 1, 2:
			in.Op = []uint8{bpf.ClassALU, bpf.ClassALU64}[rnd.IntN(2)] | uint8(rnd.IntN(13))<<4 | x
		case 3:
			in = bpf.Insn{Op: []uint8{0xd4, 0xdc, 0xd7}[rnd.IntN(3)], Dst: reg(10), Imm: []int32{16, 32, 64}[rnd.IntN(3)]}
			insns = append(insns, in)
			continue
		case 4:
			in.Op, in.Off = bpf.ClassLDX|bpf.ModeMEM|size(), off()
			insns = append(insns, in)
			continue
		case 5:
			in.Op, in.Dst, in.Off = bpf.ClassSTX|bpf.ModeMEM|size(), reg(11), off()
			insns = append(insns, in)
			continue
		case 6:
			in.Op = []uint8{bpf.OpAtomDW, bpf.OpAtomW}[rnd.IntN(2)]
			in.Dst, in.Src, in.Off = reg(11), reg(10), off()
			in.Imm = []int32{0, 1, 0x40, 0x51, 0xa0, bpf.AtomicXchg, bpf.AtomicCmpXchg, bpf.AtomicLoadAcq, bpf.AtomicStoreRel}[rnd.IntN(9)]
			if in.Imm == bpf.AtomicLoadAcq {
				in.Dst = reg(10)
			}
			insns = append(insns, in)
			continue
		case 7:
			in.Op = []uint8{bpf.ClassJMP, bpf.ClassJMP32}[rnd.IntN(2)] | []uint8{1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13}[rnd.IntN(11)]<<4 | x
			in.Off = int16(rnd.IntN(n) - len(insns))
		case 8:
			calls := []bpf.Insn{{Op: bpf.OpCall, Imm: 12}, {Op: bpf.OpCall, Imm: 12}, {Op: bpf.OpCall, Imm: 5}, {Op: bpf.OpCallX, Dst: reg(10)},
				{Op: bpf.OpCall, Src: bpf.CallKfunc}, {Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: int32(n - len(insns) - 1)}, {Op: bpf.OpExit}}
			insns = append(insns, calls[rnd.IntN(len(calls))])
			continue
		default:
			loads := []bpf.Insn{{Imm: imm()}, {Src: bpf.LoadMap}, {Src: bpf.LoadMapValue, Imm: 1}, {Src: bpf.LoadFunc, Imm: int32(n - len(insns) - 1)}}
			in = loads[rnd.IntN(len(loads))]
			in.Op, in.Dst = bpf.OpLDDW, reg(6)
			if len(insns)+2 <= n {
				insns = append(insns, in, bpf.Insn{})
			}
			continue
		}
		if x != 0 {
			in.Imm = 0
		} else {
			in.Src, in.Imm = 0, imm()
		}
		if in.ALUOp() == bpf.ALUNeg && in.Class() != bpf.ClassJMP && in.Class() != bpf.ClassJMP32 {
			in = bpf.Insn{Op: in.Op &^ bpf.SrcX, Dst: in.Dst}
		}
		insns = append(insns, in)
	}
	insns[n-1] = bpf.Insn{Op: bpf.OpExit}
	// What calls and references name: a subprogram.
	return append(insns, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd | bpf.SrcX, Dst: reg(10), Src: reg(10)}, bpf.Insn{Op: bpf.OpExit})
}
