package rivet

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/load"
	rmaps "github.com/rivetbpf/rivet/internal/maps"
)

// What a program puts into a register to pass its context, or a place on its stack: programs know these, tests do not.
const (
	passContext = 0x43545831
	passStack   = 0x53544b31
)

// hostileTypes are types of programs whose contexts and packets differ.
var hostileTypes = []string{"XDP", "SchedCLS", "SocketFilter", "CGroupSKB", "LWTXmit", "SkSKB", "SkMsg", "SockOps", "SkLookup", "SkReuseport", "FlowDissector",
	"CGroupSock", "CGroupSockAddr", "CGroupSockopt", "CGroupSysctl", "Kprobe", "RawTracepoint", "Tracing", "PerfEvent", "Syscall", "StructOps"}

// Every helper and kfunc is called with arguments that make no sense, and some that do, from programs of
// each type. It may refuse them, which is a fault, or give an error number; it may not panic.
func TestHelpersTakeAnyArguments(t *testing.T) {
	tries := 40
	if testing.Short() {
		tries = 3
	}
	for _, typ := range hostileTypes {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			c := hostileCore(t, typ)
			r := rand.New(rand.NewPCG(7, uint64(len(typ))))
			args, ok := c.arena.Bytes(c.module.Maps[0].Values, 48)
			if !ok {
				t.Fatal("the map of arguments has no memory")
			}
			refused := 0
			for _, p := range c.programs {
				for range tries {
					for i := range 5 {
						binary.LittleEndian.PutUint64(args[8*i:], hostileValue(r, c))
					}
					start := time.Now()
					ended := hostileRun(t, p, r, args)
					if d := time.Since(start); d > 10*time.Second {
						t.Errorf("%s(% x) took %v, though it had little fuel and little time", p.Name(), args[:40], d)
					}
					if !ended {
						refused++
					}
				}
			}
			if n := len(c.programs) * tries; refused == 0 || refused == n {
				t.Errorf("%d of %d calls were faults", refused, n)
			}
		})
	}
}

// hostileRun reports whether the run ended by itself.
func hostileRun(t *testing.T, p *Program, r *rand.Rand, args []byte) bool {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			t.Fatalf("%s(% x): panic: %v", p.Name(), args[:40], v)
		}
	}()
	opts := &RunOptions{Fuel: 500}
	if p.layout.Packet {
		opts.Data = make([]byte, 14+r.IntN(200))
		for i := range opts.Data {
			opts.Data[i] = byte(r.Uint32())
		}
	}
	// A lock that nobody gives back is waited for until then.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := p.RunContext(ctx, opts)
	return err == nil
}

// hostileValue is an argument.
func hostileValue(r *rand.Rand, c *core) uint64 {
	switch r.IntN(12) {
	case 0:
		return passContext
	case 1, 2:
		return passStack
	case 3, 4:
		return bpf.MapHandle(r.IntN(len(c.module.Maps) + 1))
	case 5:
		return bpf.FuncHandle(r.IntN(len(c.module.Funcs) + 1))
	case 6:
		return c.arena.Base() + r.Uint64N(c.arena.Size()+64)
	case 7:
		return c.module.Maps[0].Values + uint64(r.IntN(48))
	case 8:
		return r.Uint64()
	case 9:
		return uint64(1) << r.IntN(64)
	case 10:
		return -r.Uint64N(300)
	}
	return r.Uint64N(300)
}

// hostileCore is a program for each helper, that calls it with what the first map holds.
func hostileCore(t *testing.T, typ string) *core {
	t.Helper()
	defs := []*bpf.Map{{Name: "args", Type: bpf.MapTypeArray, KeySize: 4, ValueSize: 48, MaxEntries: 1}}
	for kind := uint32(1); kind < 64; kind++ {
		if d := anyDefinition(kind); d != nil {
			defs = append(defs, d)
		}
	}
	var progs []load.RawProgram
	var kfuncs []string
	for _, h := range helpers.Builtin() {
		call := bpf.Insn{Op: bpf.OpCall, Src: bpf.CallHelper, Imm: h.ID}
		if h.ID == 0 {
			call.Src, call.Imm = bpf.CallKfunc, int32(len(kfuncs))
			kfuncs = append(kfuncs, h.Name)
		}
		progs = append(progs, load.RawProgram{Name: fmt.Sprintf("call_%s_%d", h.Name, h.ID), Type: typ, Insns: hostileProgram(call)})
	}
	m, err := load.Programs(progs, defs, kfuncs)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCore(m, &load.Info{}, CollectionOptions{Engine: EngineInterp, CPUs: 2, MaxRuns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.pool.shut)
	return c
}

// anyDefinition tries sizes until a kind of map takes them; nil when there is no such kind, or it takes more than sizes.
func anyDefinition(kind uint32) *bpf.Map {
	k := rmaps.KindOf(kind)
	if k == nil {
		return nil
	}
	for _, flags := range []uint32{0, 1, 1 << 10} {
		for _, key := range []uint32{4, 0, 8, 16} {
			for _, value := range []uint32{8, 4, 0, 16} {
				for _, entries := range []uint32{4096, 4, 1, 0} {
					d := &bpf.Map{Name: fmt.Sprintf("kind_%d", kind), Type: kind, KeySize: key, ValueSize: value, MaxEntries: entries, Flags: flags}
					if k.Check(d) == nil {
						return d
					}
				}
			}
		}
	}
	return nil
}

// hostileProgram loads five arguments from the first map and calls. It takes the address of a function, so that there is one to pass.
func hostileProgram(call bpf.Insn) []bpf.Insn {
	const jne, ldxdw, addK, exit = 0x55, 0x79, 0x07, 0x95
	code := []bpf.Insn{
		{Op: bpf.OpLDDW, Dst: 9, Src: bpf.LoadMapValue}, {},
		{Op: bpf.OpLDDW, Dst: 8, Src: bpf.LoadFunc}, {},
		{Op: bpf.OpMovX, Dst: 6, Src: 1},
	}
	for i := range uint8(5) {
		code = append(code,
			bpf.Insn{Op: ldxdw, Dst: i + 1, Src: 9, Off: int16(8 * i)},
			bpf.Insn{Op: jne, Dst: i + 1, Imm: passContext, Off: 1},
			bpf.Insn{Op: bpf.OpMovX, Dst: i + 1, Src: 6},
			bpf.Insn{Op: jne, Dst: i + 1, Imm: passStack, Off: 2},
			bpf.Insn{Op: bpf.OpMovX, Dst: i + 1, Src: 10},
			bpf.Insn{Op: addK, Dst: i + 1, Imm: -256},
		)
	}
	code = append(code, call, bpf.Insn{Op: exit})
	code[2].Imm = int32(len(code) - 3)
	return append(code, bpf.Insn{Op: bpf.OpMovK, Dst: 0}, bpf.Insn{Op: exit})
}
