//go:build measure

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/native"
)

func init() { commands = append(commands, (*app).benchNativeCommand) }

// nativeResult is one program, run in three ways side by side.
type nativeResult struct {
	Program string  `json:"program"`
	March   string  `json:"march"`
	Native  float64 `json:"native_ns"`
	Interp  float64 `json:"interp_ns"`
	Clang   float64 `json:"clang_ns"`
	// What a run retires on the hart.
	NativeRetired uint64 `json:"native_retired"`
	ClangRetired  uint64 `json:"clang_retired"`
	Ret           uint32 `json:"ret"`
}

func (r *nativeResult) ratios() []float64 {
	return []float64{r.Native / r.Clang, ratio(r.NativeRetired, r.ClangRetired), r.Interp / r.Native}
}

// nativeReport is what the command prints with --json.
type nativeReport struct {
	Host     string           `json:"host"`
	Programs []nativeResult   `json:"programs"`
	Overhead []overheadResult `json:"overhead"`
}

func (a *app) benchNativeCommand() *cobra.Command {
	b := &bench{app: a, dir: "bench", tailCalls: "shared"}
	var asJSON bool
	batches := 101
	c := &cobra.Command{
		Use:   "bench-native [DIR]",
		Short: "Time native code beside the interpreter and clang's code, in one process",
		Long: `Times every program of DIR (default bench) in this process: as the native engine
runs it, in the interpreter, and as clang's code for the same C, which is entered
through the same gate. Batches of the three alternate, and of each the median
counts. Then times what a run and a helper call cost beside an empty Go call
through an interface, for each engine. An unexpected result is an error.

On a host that has no native engine only the second part is printed. There is
one for linux/riscv64; qemu-riscv64-static runs it on any Linux.`,
		Example: `  GOARCH=riscv64 go build -tags measure -o rivet-riscv64 ./cmd/rivet
  qemu-riscv64-static ./rivet-riscv64 bench-native bench`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				b.dir = args[0]
			}
			if batches < 1 {
				return usagef("--batches is %d, must be at least 1", batches)
			}
			return b.sideBySide(batches, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().IntVar(&batches, "batches", batches, "how many batches of each there are")
	return c
}

func (b *bench) sideBySide(batches int, asJSON bool) error {
	if err := b.read(); err != nil {
		return err
	}
	r := nativeReport{Host: runtime.GOOS + "/" + runtime.GOARCH, Programs: []nativeResult{}}
	if err := native.Supported(); err != nil {
		b.app.note("only the cost of runs and helper calls is measured: %v", err)
	} else {
		for _, march := range benchMarches {
			for _, p := range b.programs {
				row, err := b.beside(p, march, batches)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", p.Program, march, err)
				}
				r.Programs = append(r.Programs, row)
			}
		}
	}
	var err error
	if r.Overhead, err = b.overhead(batches); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(b.app.out, r)
	}
	return b.writeNative(&r)
}

// beside times one program.
func (b *bench) beside(p benchProgram, march string, batches int) (nativeResult, error) {
	r := nativeResult{Program: p.Program, March: march, Ret: b.references[p.Program].Ret}
	ours, err := b.measure(p, march, "rivet")
	if err != nil {
		return r, err
	}
	clangs, err := b.measure(p, march, "native")
	if err != nil {
		return r, err
	}
	r.NativeRetired, r.ClangRetired = ours.Retired, clangs.Retired
	var ways []*timing
	for _, e := range []rivet.Engine{rivet.EngineNative, rivet.EngineInterp} {
		l, err := b.load(p, march, e)
		if err != nil {
			return r, err
		}
		defer l.coll.Close()
		ways = append(ways, &timing{name: e.String(), run: func(n int) (uint32, error) {
			res, err := l.program.RunDetailed(&rivet.RunOptions{Data: b.packet, Repeat: uint32(n)})
			return uint32(res.R0), err
		}})
	}
	f, err := b.foreign(p, march)
	if err != nil {
		return r, err
	}
	defer f.Close()
	ways = append(ways, &timing{name: "clang", run: f.run})
	for _, w := range ways {
		w.want = r.Ret
	}
	if err := interleave(ways, batches); err != nil {
		return r, err
	}
	r.Native, r.Interp, r.Clang = ways[0].median(), ways[1].median(), ways[2].median()
	return r, nil
}

// foreign is clang's code for a program, with its input.
type foreign struct {
	*native.Engine
	req engine.Request
}

// foreign loads the code of one program and makes what bench.h calls struct bctx.
func (b *bench) foreign(p benchProgram, march string) (*foreign, error) {
	name := filepath.Join(b.dir, "native", "gate", march, p.Program+".elf")
	image, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	ar, err := arena.Map(4096)
	if err != nil {
		return nil, err
	}
	f := &foreign{}
	if f.Engine, err = native.NewForeign(ar, bytes.NewReader(image)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	const head = 2 // the packet begins at an address that is 2 modulo 4
	at, err := ar.Alloc(uint64(head + len(b.packet)))
	if err != nil {
		return nil, err
	}
	packet := at + head
	mem, _ := ar.Bytes(packet, uint64(len(b.packet)))
	copy(mem, b.packet)
	ctx := binary.LittleEndian.AppendUint64(nil, packet)
	ctx = binary.LittleEndian.AppendUint64(ctx, packet+uint64(len(b.packet)))
	ctx = binary.LittleEndian.AppendUint32(ctx, uint32(len(b.packet)))
	ctx = append(ctx, make([]byte, 24+4)...) // cb, tcc, padding
	if f.req.Args[0], err = ar.Alloc(uint64(len(ctx))); err != nil {
		return nil, err
	}
	mem, _ = ar.Bytes(f.req.Args[0], uint64(len(ctx)))
	copy(mem, ctx)
	return f, nil
}

func (f *foreign) run(n int) (uint32, error) {
	var r engine.Result
	var err error
	for i := 0; i < n && err == nil; i++ {
		r, err = f.Run(&f.req)
	}
	return uint32(r.R0), err
}

func (b *bench) writeNative(r *nativeReport) error {
	for _, march := range benchMarches {
		t := table{head: []string{march, "native, ns", "clang, ns", "of clang", "retired, of clang's", "interpreter, ns", "interpreter of native"}}
		var all, some means
		for i := range r.Programs {
			p := &r.Programs[i]
			if p.March != march {
				continue
			}
			g := p.ratios()
			all.add(g)
			if !empty(p.Program) {
				some.add(g)
			}
			t.add(p.Program, whole(p.Native), whole(p.Clang), g[0], g[1], whole(p.Interp), g[2])
		}
		if len(t.rows) == 0 {
			continue
		}
		for _, m := range []struct {
			name string
			of   *means
		}{{"geometric mean", &all}, {"without the empty two", &some}} {
			g := m.of.geometric()
			t.add(m.name, "", "", g[0], g[1], "", g[2])
		}
		if err := t.write(b.app.out); err != nil {
			return err
		}
	}
	return b.writeOverhead(r)
}

func whole(ns float64) string { return fmt.Sprintf("%.0f", ns) }

// timing is one way to do a thing, timed in batches.
type timing struct {
	name  string
	run   func(n int) (uint32, error) // n times
	want  uint32
	of    *timing   // what this one contains
	batch int       // so many times at once
	times []float64 // nanoseconds of one, by batch
}

// batchTime is about how long a batch takes: long beside reading the clock, short
// beside the time for which a busy host leaves a thread alone.
const batchTime = 300 * time.Microsecond

// once runs a batch of n.
func (w *timing) once(n int) (time.Duration, error) {
	start := time.Now()
	ret, err := w.run(n)
	d := time.Since(start)
	if err == nil && ret != w.want {
		err = fmt.Errorf("returns %d, want %d", ret, w.want)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", w.name, err)
	}
	return d, nil
}

// size finds how many make a batch. Of three tries the shortest counts: a busy
// host makes any of them long.
func (w *timing) size() error {
	for w.batch = 1; ; w.batch *= 2 {
		shortest := batchTime
		for range 3 {
			d, err := w.once(w.batch)
			if err != nil {
				return err
			}
			shortest = min(shortest, d)
		}
		if shortest >= batchTime {
			return nil
		}
	}
}

// interleave runs one batch of each in turn.
func interleave(ways []*timing, batches int) error {
	for _, w := range ways {
		if err := w.size(); err != nil {
			return err
		}
	}
	for range batches {
		for _, w := range ways {
			d, err := w.once(w.batch)
			if err != nil {
				return err
			}
			w.times = append(w.times, float64(d)/float64(w.batch))
		}
	}
	return nil
}
