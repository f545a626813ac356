package ringbuf_test

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
	"github.com/rivetbpf/rivet/ringbuf"
)

// prog is a program that begins with R6 the packet's address and R7 its length. Without a body it returns 0.
func prog(body ...asm.Instruction) *ebpf.ProgramSpec {
	insns := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word), // xdp_md.data
		asm.LoadMem(asm.R7, asm.R1, 4, asm.Word),
		asm.Sub.Reg(asm.R7, asm.R6),
	}
	return &ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: append(insns, body...)}
}

// reserve sets a record of size bytes aside and leaves its address in R8; without room the program returns 1.
func reserve(size int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("events"),
		asm.Mov.Imm(asm.R2, size),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.Mov.Imm(asm.R0, 1),
		asm.JEq.Imm(asm.R8, 0, "exit"),
	}
}

func commit(fn asm.BuiltinFunc, flags int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Reg(asm.R1, asm.R8), asm.Mov.Imm(asm.R2, flags), fn.Call()}
}

var exit = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return().WithSymbol("exit")}

// copyPacket copies the packet's first 16 bytes into the record.
var copyPacket = asm.Instructions{
	asm.LoadMem(asm.R1, asm.R6, 0, asm.DWord), asm.StoreMem(asm.R8, 0, asm.R1, asm.DWord),
	asm.LoadMem(asm.R1, asm.R6, 8, asm.DWord), asm.StoreMem(asm.R8, 8, asm.R1, asm.DWord),
}

func join(parts ...asm.Instructions) (all asm.Instructions) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func spec(size uint32) *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"events": {Name: "events", Type: ebpf.RingBuf, MaxEntries: size},
			"array":  {Name: "array", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			// output: the packet.
			"output": prog(asm.LoadMapPtr(asm.R1, 0).WithReference("events"), asm.Mov.Reg(asm.R2, asm.R6), asm.Mov.Reg(asm.R3, asm.R7),
				asm.Mov.Imm(asm.R4, 0), asm.FnRingbufOutput.Call(), asm.Return()),
			"silent": prog(asm.LoadMapPtr(asm.R1, 0).WithReference("events"), asm.Mov.Reg(asm.R2, asm.R6), asm.Mov.Reg(asm.R3, asm.R7),
				asm.Mov.Imm(asm.R4, 1), asm.FnRingbufOutput.Call(), asm.Return()),
			"submit":  prog(join(reserve(16), copyPacket, commit(asm.FnRingbufSubmit, 0), exit)...),
			"discard": prog(join(reserve(16), copyPacket, commit(asm.FnRingbufDiscard, 0), exit)...),
			// leave: ends with a record reserved.
			"leave": prog(join(reserve(16), exit)...),
			// fault: the same, by a wild store.
			"fault":  prog(join(reserve(16), asm.Instructions{asm.Mov.Imm(asm.R1, 1), asm.StoreImm(asm.R1, 0, 1, asm.Word)}, exit)...),
			"twice":  prog(join(reserve(16), commit(asm.FnRingbufSubmit, 0), commit(asm.FnRingbufSubmit, 0), exit)...),
			"forged": prog(join(reserve(16), asm.Instructions{asm.Add.Imm(asm.R8, 8)}, commit(asm.FnRingbufDiscard, 0), exit)...),
			// greedy: reserves for ever.
			"greedy": prog(join(asm.Instructions{asm.Mov.Imm(asm.R9, 0).WithSymbol("again")}, reserve(0),
				asm.Instructions{asm.Ja.Label("again")}, exit)...),
			// header: writes over the headers of its own record and of the next.
			"header": prog(join(reserve(16), asm.Instructions{asm.StoreImm(asm.R8, -8, -1, asm.Word), asm.StoreImm(asm.R8, 16, -1, asm.Word)}, copyPacket,
				commit(asm.FnRingbufSubmit, 0), exit)...),
			"wrongmap": prog(asm.LoadMapPtr(asm.R1, 0).WithReference("array"), asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(), asm.Return()),
		},
	}
}

func load(t testing.TB, e rivet.Engine, size uint32) (*rivet.Collection, *ringbuf.Reader) {
	t.Helper()
	c, err := rivet.NewCollectionWithOptions(spec(size), rivet.CollectionOptions{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r, err := ringbuf.NewReader(c.Maps["events"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return c, r
}

func onEngines(t *testing.T, f func(*testing.T, rivet.Engine)) {
	for _, e := range rivet.Engines() {
		t.Run(e.String(), func(t *testing.T) { f(t, e) })
	}
}

func packet(a, b uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
}

func run(t testing.TB, c *rivet.Collection, program string, data []byte) uint32 {
	t.Helper()
	r0, err := c.Programs[program].Run(&rivet.RunOptions{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	return r0
}

// expect reads one record, whose first word is a.
func expect(t *testing.T, r *ringbuf.Reader, a uint64) {
	t.Helper()
	r.SetDeadline(time.Now().Add(10 * time.Second))
	rec, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.RawSample) != 16 || binary.LittleEndian.Uint64(rec.RawSample) != a {
		t.Fatalf("read %x, want one of 16 bytes that begins with %d", rec.RawSample, a)
	}
}

func nothing(t *testing.T, r *ringbuf.Reader) {
	t.Helper()
	r.SetDeadline(time.Now())
	if rec, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %x, %v; nothing should be there", rec.RawSample, err)
	}
}

func TestNewReader(t *testing.T) {
	c, r := load(t, rivet.EngineInterp, 4096)
	if r.BufferSize() != 4096 || r.AvailableBytes() != 0 {
		t.Errorf("buffer of %d bytes, %d there", r.BufferSize(), r.AvailableBytes())
	}
	if _, err := ringbuf.NewReader(c.Maps["array"]); err == nil || !strings.Contains(err.Error(), "invalid Map type: Array") {
		t.Errorf("reader of an array: %v", err)
	}
	if b, err := c.Maps["events"].DumpJSON(); err != nil || string(b) != "[]" {
		t.Errorf("as JSON: %s, %v", b, err)
	}
	if _, err := ringbuf.NewReader(nil); err == nil {
		t.Error("reader of no map")
	}
	closed := c.Maps["events"]
	defer func() {
		closed.Close()
		if _, err := ringbuf.NewReader(closed); err == nil {
			t.Error("reader of a map that is closed")
		}
	}()
	if r0, err := c.Programs["wrongmap"].Run(&rivet.RunOptions{Data: packet(0, 0)}); err == nil || !strings.Contains(err.Error(), `map "array" is of kind Array, must be RingBuf`) {
		t.Errorf("reserve in an array: %d, %v", r0, err)
	}
}

// Whatever a run leaves reserved is discarded when it ends, so that what follows is read.
func TestRunsLeaveNothingReserved(t *testing.T) {
	onEngines(t, func(t *testing.T, e rivet.Engine) {
		c, r := load(t, e, 4096)
		for i, test := range []struct{ program, want string }{
			{"leave", ""}, {"fault", "access outside guest memory"}, {"twice", "ringbuf_submit: argument 1 (data)"}, {"forged", "not a record that this run has reserved"},
			{"greedy", "has reserved 256 records"},
		} {
			_, err := c.Programs[test.program].Run(&rivet.RunOptions{Data: packet(0, 0)})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", test.program, err, test.want)
			}
			if test.program == "twice" {
				expect(t, r, 0)
			}
			run(t, c, "submit", packet(uint64(i), 0))
			expect(t, r, uint64(i))
			nothing(t, r)
		}
		if _, err := c.Programs["leave"].RunDetailed(&rivet.RunOptions{Data: packet(0, 0), Repeat: 300}); err != nil {
			t.Errorf("300 runs that leave a record each: %v", err)
		}
		nothing(t, r)
	})
}

// A guest that writes over headers spoils nothing but its own bytes.
func TestHeadersAreOutOfReach(t *testing.T) {
	onEngines(t, func(t *testing.T, e rivet.Engine) {
		c, r := load(t, e, 4096)
		for i := range uint64(1000) {
			run(t, c, "header", packet(i, i))
			expect(t, r, i)
		}
		nothing(t, r)
	})
}

// A read that sleeps is woken by a submit, a flush, a new deadline, a close.
func TestWakes(t *testing.T) {
	c, r := load(t, rivet.EngineHart, 4096)
	type result struct {
		rec ringbuf.Record
		err error
	}
	results := make(chan result)
	read := func() {
		go func() {
			rec, err := r.Read()
			results <- result{rec, err}
		}()
		time.Sleep(5 * time.Millisecond)
	}
	read()
	run(t, c, "submit", packet(5, 0))
	if got := <-results; got.err != nil || len(got.rec.RawSample) != 16 {
		t.Errorf("after a submit: %v", got)
	}
	read()
	run(t, c, "silent", packet(6, 0))
	select {
	case got := <-results:
		t.Errorf("after a record with BPF_RB_NO_WAKEUP: %v", got)
	case <-time.After(20 * time.Millisecond):
	}
	r.Flush()
	if got := <-results; got.err != nil || len(got.rec.RawSample) != 16 {
		t.Errorf("after a flush: %v", got)
	}
	if _, err := r.Read(); !errors.Is(err, ringbuf.ErrFlushed) {
		t.Errorf("after all was read: %v", err)
	}
	read()
	r.SetDeadline(time.Now().Add(time.Millisecond))
	if got := <-results; !errors.Is(got.err, os.ErrDeadlineExceeded) {
		t.Errorf("after a deadline: %v", got)
	}
	r.SetDeadline(time.Time{})
	read()
	r.Close()
	if got := <-results; !errors.Is(got.err, ringbuf.ErrClosed) {
		t.Errorf("after a close: %v", got)
	}
}

// Records of goroutines that run programs at once are whole; each goroutine's are in the order in which it made
// them; what found no room is known to the program, and nothing else is lost.
func TestConcurrent(t *testing.T) {
	const writers, each = 8, 2000
	onEngines(t, func(t *testing.T, e rivet.Engine) {
		c, r := load(t, e, 4096)
		var wg sync.WaitGroup
		var dropped atomic.Int64
		for w := range uint64(writers) {
			wg.Go(func() {
				for i := range uint64(each) {
					switch data := packet(w<<32|i, ^(w<<32 | i)); {
					case i%16 == 3:
						run(t, c, "discard", data)
					case i%64 == 5:
						c.Programs["fault"].Run(&rivet.RunOptions{Data: data})
					case i%2 == 0:
						for run(t, c, "submit", data) != 0 {
							dropped.Add(1)
							runtime.Gosched()
						}
					default:
						for run(t, c, "output", data) != 0 {
							dropped.Add(1)
							runtime.Gosched()
						}
					}
				}
			})
		}
		go func() { wg.Wait(); r.Flush() }()
		var rec ringbuf.Record
		var next [writers]uint64
		count := 0
		for {
			err := r.ReadInto(&rec)
			if errors.Is(err, ringbuf.ErrFlushed) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			a, b := binary.LittleEndian.Uint64(rec.RawSample), binary.LittleEndian.Uint64(rec.RawSample[8:])
			w, i := a>>32, a&(1<<32-1)
			if len(rec.RawSample) != 16 || a != ^b || w >= writers || i < next[w] || i%16 == 3 {
				t.Fatalf("record %x, of goroutine %d the next is %d", rec.RawSample, w, next[min(w, writers-1)])
			}
			next[w] = i + 1
			count++
		}
		want := 0
		for i := range each {
			if i%16 != 3 && i%64 != 5 {
				want += writers
			}
		}
		if count != want {
			t.Errorf("read %d records, want %d", count, want)
		}
		if r.AvailableBytes() != 0 {
			t.Errorf("%d bytes are left", r.AvailableBytes())
		}
		t.Logf("%d records, %d times without room", count, dropped.Load())
	})
}

func TestReadIntoAllocatesNothing(t *testing.T) {
	if testenv.Race {
		t.Skip("the race detector allocates")
	}
	c, r := load(t, rivet.EngineHart, 1<<16)
	opts := &rivet.RunOptions{Data: packet(1, 2)}
	var rec ringbuf.Record
	n := testing.AllocsPerRun(200, func() {
		c.Programs["submit"].Run(opts)
		if err := r.ReadInto(&rec); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("a submit and a read make %.0f allocations", n)
	}
}

// What was submitted before a flush is read before the flush is told, also where the reader has seen it reserved.
func TestFlushLosesNothing(t *testing.T) {
	c, r := load(t, rivet.EngineHart, 4096)
	flushed := make(chan int)
	go func() {
		var rec ringbuf.Record
		for n := 0; ; {
			switch err := r.ReadInto(&rec); {
			case err == nil:
				n++
			case errors.Is(err, ringbuf.ErrFlushed):
				flushed <- n
				n = 0
			default:
				close(flushed)
				return
			}
		}
	}()
	for range 3000 {
		for i := range uint64(3) {
			run(t, c, "submit", packet(i, 0))
		}
		r.Flush()
		if n := <-flushed; n != 3 {
			t.Fatalf("%d of 3 records were read before the flush was told", n)
		}
	}
	r.Close()
	if n, open := <-flushed; open {
		t.Errorf("%d records more", n)
	}
}

// Records from guest to Go, the reader in the same goroutine: what both together cost.
func BenchmarkSubmitAndRead(b *testing.B) {
	for _, e := range rivet.Engines() {
		b.Run(e.String(), func(b *testing.B) {
			c, r := load(b, e, 1<<16)
			opts := &rivet.RunOptions{Data: packet(1, 2)}
			var rec ringbuf.Record
			b.ReportAllocs()
			for b.Loop() {
				c.Programs["submit"].Run(opts)
				if err := r.ReadInto(&rec); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// Records from guest to Go, the reader in a goroutine of its own: it sleeps and is woken, and nothing is lost.
func BenchmarkStream(b *testing.B) {
	c, r := load(b, rivet.EngineHart, 1<<20)
	opts := &rivet.RunOptions{Data: packet(1, 2)}
	read := make(chan int)
	go func() {
		n := 0
		for rec := (ringbuf.Record{}); r.ReadInto(&rec) == nil; n++ {
		}
		read <- n
	}()
	full := 0
	b.ReportAllocs()
	for b.Loop() {
		for r0, _ := c.Programs["submit"].Run(opts); r0 != 0; r0, _ = c.Programs["submit"].Run(opts) {
			full++
			runtime.Gosched()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	r.Flush()
	if n := <-read; n < b.N {
		b.Errorf("%d records were read, %d made", n, b.N)
	}
	b.Logf("%d records, %d times without room", b.N, full)
}
