//go:build measure

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/cputime"
	"github.com/rivetbpf/rivet/internal/hart"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/progen"
)

// speed prints how fast this host loads, compiles and runs. All times are
// those of a processor, garbage collection included, so they depend little on
// what else the machine does; of several runs the best counts.
func (b *bench) speed() error {
	for _, f := range []func() error{b.compileSpeed, b.engineSpeed, b.hartSpeed} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// best returns the shortest processor time of n runs of f.
func best(n int, f func() error) (time.Duration, error) {
	shortest := time.Duration(math.MaxInt64)
	for range n {
		runtime.GC() // what others left is not f's
		start := cputime.Used()
		if err := f(); err != nil {
			return 0, err
		}
		shortest = min(shortest, cputime.Used()-start)
	}
	return shortest, nil
}

// millions is how many millions of n there are a second.
func millions(n uint64, d time.Duration) float64 { return float64(n) / d.Seconds() / 1e6 }

// compileSpeed times programs of ordinary code, up to the longest that load takes.
func (b *bench) compileSpeed() error {
	t := table{head: []string{"BPF instructions", "load and validate, M/s", "compile, M/s", "both, M/s"}}
	target, err := riscv64.New("rv64gc", riscv64.GateTrap)
	if err != nil {
		return err
	}
	opts := &compile.Options{Base: 0x40_0000, ArenaBase: arena.Base, ArenaSize: 1 << 20}
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		insns := progen.Long(n)
		repeat := 1_000_000 / n // so that the clock's steps do not matter
		count := uint64(repeat * n)
		loading, err := best(5, func() (err error) {
			for i := 0; i < repeat && err == nil; i++ {
				_, err = load.RawInsns(insns)
			}
			return err
		})
		if err != nil {
			return err
		}
		mod, err := load.RawInsns(insns)
		if err != nil {
			return err
		}
		compiling, err := best(5, func() (err error) {
			for i := 0; i < repeat && err == nil; i++ {
				_, err = compile.Compile(mod, target, opts)
			}
			return err
		})
		if err != nil {
			return err
		}
		t.add(n, millions(count, loading), millions(count, compiling), millions(count, loading+compiling))
	}
	return t.write(b.app.out)
}

// engineSpeed runs the programs for a while on both engines.
func (b *bench) engineSpeed() error {
	t := table{head: []string{"program", "interpreter, M BPF insns/s", "hart, M RV64 insns/s", "hart, M BPF insns/s"}}
	var mean means
	for _, p := range b.programs {
		if empty(p.Program) {
			continue
		}
		interp, bpf, err := b.runFor(p, rivet.EngineInterp)
		if err != nil {
			return err
		}
		compiled, rv64, err := b.runFor(p, rivet.EngineHart)
		if err != nil {
			return err
		}
		row := []float64{millions(bpf, interp), millions(rv64, compiled), millions(bpf, compiled)}
		mean.add(row)
		t.add(p.Program, row[0], row[1], row[2])
	}
	g := mean.geometric()
	t.add("geometric mean", g[0], g[1], g[2])
	return t.write(b.app.out)
}

// runFor returns the time that a run of a program takes and what it retires.
func (b *bench) runFor(p benchProgram, e rivet.Engine) (time.Duration, uint64, error) {
	l, err := b.load(p, "rv64gc", e)
	if err != nil {
		return 0, 0, err
	}
	defer l.coll.Close()
	once, err := l.program.RunDetailed(&rivet.RunOptions{Data: b.packet})
	if err != nil {
		return 0, 0, err
	}
	repeat := max(1, uint32(20_000_000/once.Retired))
	d, err := best(5, func() error {
		_, err := l.program.RunDetailed(&rivet.RunOptions{Data: b.packet, Repeat: repeat})
		return err
	})
	return d / time.Duration(repeat), once.Retired, err
}

// hartSpeed runs native code on the hart and in qemu.
func (b *bench) hartSpeed() error {
	files, err := filepath.Glob(filepath.Join(b.dir, "native", "repeat", "*.elf"))
	if err != nil {
		return err
	}
	qemu, err := exec.LookPath("qemu-riscv64-static")
	if err != nil {
		b.app.note("the hart is measured alone: %v", err)
	}
	starting, err := qemuTime(qemu, filepath.Join(b.dir, "native", "rv64gc", "empty_tc.elf"))
	if err != nil {
		return err
	}
	t := table{head: []string{"native code, rv64gc", "insns, M", "hart, M/s", "qemu-riscv64, M/s", "hart of qemu"}}
	var mean means
	var insns uint64
	var hartAll, qemuAll time.Duration
	for _, name := range files {
		retired, ours, err := hartTime(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		program := strings.TrimSuffix(filepath.Base(name), ".elf")
		insns, hartAll = insns+retired, hartAll+ours
		row := []float64{millions(retired, ours)}
		if qemu == "" {
			mean.add(row)
			t.add(program, retired/1e6, row[0], "", "")
			continue
		}
		theirs, err := qemuTime(qemu, name)
		if err != nil {
			return err
		}
		theirs -= starting
		qemuAll += theirs
		row = append(row, millions(retired, theirs), ratio(uint64(theirs), uint64(ours)))
		mean.add(row)
		t.add(program, retired/1e6, row[0], row[1], row[2])
	}
	g := mean.geometric()
	if qemu == "" {
		t.add("geometric mean", "", g[0], "", "")
		t.add("one after the other", insns/1e6, millions(insns, hartAll), "", "")
		return t.write(b.app.out)
	}
	t.add("geometric mean", "", g[0], g[1], g[2])
	t.add("one after the other", insns/1e6, millions(insns, hartAll), millions(insns, qemuAll), ratio(uint64(qemuAll), uint64(hartAll)))
	return t.write(b.app.out)
}

func hartTime(name string) (retired uint64, d time.Duration, err error) {
	image, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, err
	}
	d, err = best(3, func() error {
		res, err := hart.RunELF(bytes.NewReader(image), hart.ELFOptions{})
		retired = res.Retired
		return err
	})
	return retired, d, err
}

// qemuTime returns the processor time of a run in qemu; 0 without qemu.
func qemuTime(qemu, name string) (time.Duration, error) {
	if qemu == "" {
		return 0, nil
	}
	shortest := time.Duration(math.MaxInt64)
	for range 5 {
		cmd := exec.Command(qemu, name)
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("qemu: %s: %w: %s", name, err, out)
		}
		shortest = min(shortest, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	return shortest, nil
}
