package helpers

import (
	"math/rand/v2"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// packetRun is a run of a program with a packet in guest memory.
func packetRun(t *testing.T, progType string, data, user []byte) *Run {
	t.Helper()
	run, _, _ := world(t, nil)
	l := progctx.For(progType)
	room := func(n int) ([]byte, uint64, error) {
		at, err := run.World.Arena.Alloc(uint64(n))
		if err != nil {
			return nil, 0, err
		}
		b, _ := run.World.Arena.Bytes(at, uint64(n))
		return b, at, nil
	}
	buf, at, err := room(progctx.Headroom + len(data) + progctx.Tailroom)
	if err != nil {
		t.Fatal(err)
	}
	p := progctx.NewPacket(buf, at, data, 0, room)
	mem, ctxAt, err := room(l.Room(l.Size))
	if err != nil {
		t.Fatal(err)
	}
	var c progctx.Context
	l.Place(&c, mem, ctxAt, l.Size)
	if err := l.Fill(&c, user, &p); err != nil {
		t.Fatal(err)
	}
	run.Layout, run.Packet, run.Ctx, run.CtxAt, run.Type = l, &p, c.Bytes, ctxAt, progType
	return run
}

// Whatever the arguments, the packet and the fields of the context are, helpers end and keep the packet in its buffer.
func TestPacketHelpersTakeAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	values := []uint64{0, 1, 2, 3, 4, 8, 12, 14, 20, 34, 40, 60, 64, 100, 255, 256, 0xfff, 0x1000, 0xffff, 0x10000, 0x0008, 0xdd86, 0x0081, 0xa888, 1 << 31, 1<<31 - 1, 1<<32 - 1,
		1 << 56, 1<<64 - 1, 1<<64 - 4, 1<<64 - 20, 1<<64 - 60}
	var ids []int32
	for _, rows := range [][]*Helper{xdpHelpers, skbHelpers, checksumHelpers, roomHelpers, lwtHelpers, loweredInsns} {
		for _, h := range rows {
			ids = append(ids, h.ID)
		}
	}
	for _, typ := range []string{"XDP", "SchedCLS", "SocketFilter", "CGroupSKB", "LWTIn", "LWTXmit", "SkSKB", "FlowDissector", "SkReuseport", progctx.TypeClassic, "Kprobe"} {
		for range 60 {
			data := make([]byte, r.IntN(80))
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			if len(data) > 14 {
				copy(data[12:], [][]byte{{8, 0}, {0x86, 0xdd}, {0x81, 0}, {0x88, 0xa8}, {0, 9}}[r.IntN(5)])
			}
			run := packetRun(t, typ, data, nil)
			scratch, err := run.World.Arena.Alloc(128)
			if err != nil {
				t.Fatal(err)
			}
			for range 40 {
				if len(run.Ctx) != 0 && r.IntN(4) == 0 { // what no verifier forbids
					run.Ctx[r.IntN(len(run.Ctx))] = byte(r.Uint32())
				}
				id := ids[r.IntN(len(ids))]
				h := run.World.Table.Find(bpf.CallHelper, id)
				var args [5]uint64
				for i := range args {
					args[i] = values[r.IntN(len(values))]
					if i < len(h.Args) && r.IntN(16) != 0 {
						switch h.Args[i].Kind {
						case Ctx:
							args[i] = run.CtxAt
						case Mem, MemW:
							args[i] = scratch
						case Size, SizeOrZero:
							args[i] = uint64(r.IntN(129))
						}
					}
				}
				_, _ = run.Helper(bpf.CallHelper, id, &args)
				p := run.Packet
				if b, ok := run.World.Arena.Bytes(p.Start, uint64(len(p.Bytes))); !ok || len(b) > 0 && &b[0] != &p.Bytes[0] || p.Before() < 0 || p.Behind() < 0 || p.Len() < 0 {
					t.Fatalf("%s: %s(%#x): packet of %d bytes at %#x", typ, h.Name, args, len(p.Bytes), p.Start)
				}
			}
		}
	}
}
