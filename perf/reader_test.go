package perf_test

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
	"github.com/rivetbpf/rivet/perf"
)

// spec has a program that puts out its packet.
func spec() *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"events": {Name: "events", Type: ebpf.PerfEventArray},
			"array":  {Name: "array", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1},
		},
		Programs: map[string]*ebpf.ProgramSpec{"output": {Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
			asm.LoadMem(asm.R4, asm.R1, 0, asm.Word), // xdp_md.data
			asm.LoadMem(asm.R5, asm.R1, 4, asm.Word),
			asm.Sub.Reg(asm.R5, asm.R4),
			asm.LoadMapPtr(asm.R2, 0).WithReference("events"),
			asm.LoadImm(asm.R3, 0xffffffff, asm.DWord), // BPF_F_CURRENT_CPU
			asm.FnPerfEventOutput.Call(),
			asm.Return(),
		}}},
	}
}

const cpus = 4

func load(t testing.TB, e rivet.Engine, size int, opts perf.ReaderOptions) (*rivet.Collection, *perf.Reader) {
	t.Helper()
	c, err := rivet.NewCollectionWithOptions(spec(), rivet.CollectionOptions{Engine: e, CPUs: cpus})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r, err := perf.NewReaderWithOptions(c.Maps["events"], size, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return c, r
}

func packet(a, b uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b)
}

func output(t testing.TB, c *rivet.Collection, cpu uint32, data []byte) int32 {
	t.Helper()
	r0, err := c.Programs["output"].Run(&rivet.RunOptions{Data: data, CPU: cpu})
	if err != nil {
		t.Fatal(err)
	}
	return int32(r0)
}

func TestNewReader(t *testing.T) {
	c, r := load(t, rivet.EngineInterp, 5000, perf.ReaderOptions{})
	if r.BufferSize() != 8192 || c.Maps["events"].MaxEntries() != cpus || c.Maps["events"].KeySize() != 4 {
		t.Errorf("buffers of %d bytes, %d entries", r.BufferSize(), c.Maps["events"].MaxEntries())
	}
	if b, err := c.Maps["events"].DumpJSON(); err != nil || string(b) != "[]" {
		t.Errorf("as JSON: %s, %v", b, err)
	}
	for _, test := range []struct {
		m    *rivet.Map
		size int
		opts perf.ReaderOptions
		want string
	}{
		{c.Maps["array"], 1, perf.ReaderOptions{}, "invalid Map type: Array"},
		{nil, 1, perf.ReaderOptions{}, "the map is nil or closed"},
		{c.Maps["events"], 0, perf.ReaderOptions{}, "must be larger than 0"},
		{c.Maps["events"], 1 << 31, perf.ReaderOptions{}, "at most"},
		{c.Maps["events"], 4096, perf.ReaderOptions{WakeupEvents: 1, Watermark: 1}, "cannot both be non-zero"},
		{c.Maps["events"], 4096, perf.ReaderOptions{Watermark: 4096}, "watermark must be smaller"},
	} {
		if _, err := perf.NewReaderWithOptions(test.m, test.size, test.opts); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, %d, %+v: %v, want %q", test.m, test.size, test.opts, err, test.want)
		}
	}
}

// The processor that a run is on has its own buffer and its own count of what was lost.
func TestProcessors(t *testing.T) {
	c, r := load(t, rivet.EngineHart, 4096, perf.ReaderOptions{})
	sent := 0
	for output(t, c, 3, packet(uint64(sent), 0)) == 0 {
		sent++
	}
	output(t, c, 3, packet(0, 0)) // lost, too
	if n := output(t, c, 1, packet(100, 0)); n != 0 {
		t.Fatalf("the buffer of processor 1 is full, too: %d", n)
	}
	r.SetDeadline(time.Now())
	for i := range sent {
		rec, err := r.Read()
		if err != nil || rec.CPU != 3 || rec.LostSamples != 0 || binary.LittleEndian.Uint64(rec.RawSample) != uint64(i) {
			t.Fatalf("record %d: %+v, %v", i, rec, err)
		}
	}
	if rec, err := r.Read(); err != nil || rec.CPU != 1 || binary.LittleEndian.Uint64(rec.RawSample) != 100 {
		t.Errorf("of processor 1: %+v, %v", rec, err)
	}
	if n := output(t, c, 3, packet(7, 0)); n != 0 {
		t.Errorf("after all was read: %d", n)
	}
	if rec, err := r.Read(); err != nil || rec.LostSamples != 2 || len(rec.RawSample) != 0 {
		t.Errorf("%+v, %v, want 2 lost samples", rec, err)
	}
	if rec, err := r.Read(); err != nil || len(rec.RawSample) != 20 || binary.LittleEndian.Uint64(rec.RawSample) != 7 {
		t.Errorf("behind them: %+v, %v", rec, err)
	}
	if rec, err := r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%+v, %v, want nothing", rec, err)
	}
}

// A read that sleeps is woken by a sample, a flush, a close; not by too few samples.
func TestWakes(t *testing.T) {
	c, r := load(t, rivet.EngineHart, 4096, perf.ReaderOptions{WakeupEvents: 3})
	type result struct {
		rec perf.Record
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
	output(t, c, 0, packet(0, 0))
	output(t, c, 0, packet(1, 0))
	select {
	case got := <-results:
		t.Errorf("after two samples: %v", got)
	case <-time.After(20 * time.Millisecond):
	}
	output(t, c, 0, packet(2, 0))
	for i := range 3 {
		if i > 0 {
			read()
		}
		if got := <-results; got.err != nil || binary.LittleEndian.Uint64(got.rec.RawSample) != uint64(i) {
			t.Errorf("sample %d: %v", i, got)
		}
	}
	output(t, c, 2, packet(9, 0))
	read()
	r.Flush()
	if got := <-results; got.err != nil || got.rec.CPU != 2 {
		t.Errorf("after a flush: %v", got)
	}
	if _, err := r.Read(); !errors.Is(err, perf.ErrFlushed) {
		t.Errorf("after all was read: %v", err)
	}
	read()
	r.Close()
	if got := <-results; !errors.Is(got.err, perf.ErrClosed) {
		t.Errorf("after a close: %v", got)
	}
}

// A second reader takes the first one's place.
func TestReaders(t *testing.T) {
	c, first := load(t, rivet.EngineInterp, 4096, perf.ReaderOptions{})
	output(t, c, 0, packet(1, 0))
	second, err := perf.NewReader(c.Maps["events"], 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	output(t, c, 0, packet(2, 0))
	for want, r := range map[uint64]*perf.Reader{1: first, 2: second} {
		r.SetDeadline(time.Now().Add(10 * time.Second))
		if rec, err := r.Read(); err != nil || binary.LittleEndian.Uint64(rec.RawSample) != want {
			t.Errorf("reader %d: %v, %v", want, rec, err)
		}
		r.SetDeadline(time.Now())
		if rec, err := r.Read(); err == nil {
			t.Errorf("reader %d has %v, too", want, rec)
		}
	}
}

// A sample whose size no record has room for is refused.
func TestLargest(t *testing.T) {
	c, r := load(t, rivet.EngineHart, 1<<17, perf.ReaderOptions{})
	for _, test := range []struct {
		size int
		want int32
	}{{65516, 0}, {65517, -7}, {1 << 17, -7}} {
		if got := output(t, c, 0, make([]byte, test.size)); got != test.want {
			t.Errorf("%d bytes: %d, want %d", test.size, got, test.want)
		}
	}
	r.SetDeadline(time.Now())
	if rec, err := r.Read(); err != nil || len(rec.RawSample) != 65516 {
		t.Errorf("%d bytes, %v", len(rec.RawSample), err)
	}
}

// Samples of goroutines that run programs at once, some on the same processor, are whole and in order, and each
// that is lost is counted.
func TestConcurrent(t *testing.T) {
	const writers, each = 8, 2000
	for _, e := range rivet.Engines() {
		t.Run(e.String(), func(t *testing.T) {
			c, r := load(t, e, 4096, perf.ReaderOptions{})
			var wg sync.WaitGroup
			var refused atomic.Int64
			for w := range uint64(writers) {
				wg.Go(func() {
					for i := range uint64(each) {
						if output(t, c, uint32(w%cpus), packet(w<<32|i, ^(w<<32|i))) != 0 {
							refused.Add(1)
							runtime.Gosched()
						}
					}
				})
			}
			go func() { wg.Wait(); r.Flush() }()
			var rec perf.Record
			var next [writers]uint64
			count, lost := 0, uint64(0)
			for {
				err := r.ReadInto(&rec)
				if errors.Is(err, perf.ErrFlushed) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if rec.LostSamples != 0 {
					lost += rec.LostSamples
					continue
				}
				a, b := binary.LittleEndian.Uint64(rec.RawSample), binary.LittleEndian.Uint64(rec.RawSample[8:])
				w, i := a>>32, a&(1<<32-1)
				if a != ^b || w >= writers || i < next[w] || rec.CPU != int(w%cpus) {
					t.Fatalf("sample %x of processor %d, of goroutine %d the next is %d", rec.RawSample, rec.CPU, w, next[min(w, writers-1)])
				}
				next[w] = i + 1
				count++
			}
			for cpu := range uint32(cpus) { // what was lost last is told with the next sample
				output(t, c, cpu, packet(0, 0))
			}
			r.SetDeadline(time.Now())
			for r.ReadInto(&rec) == nil {
				lost += rec.LostSamples
			}
			if count+int(lost) != writers*each || int64(lost) != refused.Load() {
				t.Errorf("%d samples and %d lost of %d; programs were refused %d", count, lost, writers*each, refused.Load())
			}
			t.Logf("%d samples, %d lost", count, lost)
		})
	}
}

func TestReadIntoAllocatesNothing(t *testing.T) {
	if testenv.Race {
		t.Skip("the race detector allocates")
	}
	c, r := load(t, rivet.EngineHart, 1<<16, perf.ReaderOptions{})
	opts := &rivet.RunOptions{Data: packet(1, 2)}
	var rec perf.Record
	n := testing.AllocsPerRun(200, func() {
		c.Programs["output"].Run(opts)
		if err := r.ReadInto(&rec); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("a sample and a read make %.0f allocations", n)
	}
}

// Samples from guest to Go, the reader in the same goroutine: what both together cost.
func BenchmarkOutputAndRead(b *testing.B) {
	for _, e := range rivet.Engines() {
		b.Run(e.String(), func(b *testing.B) {
			c, r := load(b, e, 1<<16, perf.ReaderOptions{})
			opts := &rivet.RunOptions{Data: packet(1, 2)}
			var rec perf.Record
			b.ReportAllocs()
			for b.Loop() {
				c.Programs["output"].Run(opts)
				if err := r.ReadInto(&rec); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
