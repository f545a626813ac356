package helpers

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/host"
)

// text calls a kfunc about strings by its row.
func (r *Run) text(t *testing.T, name string, args ...uint64) int64 {
	t.Helper()
	h := builtinKfuncs()[name]
	if h == nil {
		t.Fatalf("no kfunc %s", name)
	}
	c := &Call{Run: r, Helper: h}
	copy(c.Args[:], args)
	if err := c.bind(); err != nil {
		t.Fatal(err)
	}
	r0, err := h.Fn(c)
	if err != nil {
		t.Fatal(err)
	}
	return int64(int32(r0))
}

// What newer kernels have and this machine's may not.
func TestCaseFoldingSearch(t *testing.T) {
	run, mem, at := world(t, nil)
	copy(mem, "One Two THREE\x00")
	copy(mem[64:], "two\x00")
	copy(mem[80:], "ONE\x00")
	for _, c := range []struct {
		name string
		args []uint64
		want int64
	}{
		{"bpf_strcasestr", []uint64{at, at + 64}, 4}, {"bpf_strstr", []uint64{at, at + 64}, -2},
		{"bpf_strncasestr", []uint64{at, at + 64, 7}, 4}, {"bpf_strncasestr", []uint64{at, at + 64, 6}, -2},
		{"bpf_strncasecmp", []uint64{at, at + 80, 3}, 0}, {"bpf_strncasecmp", []uint64{at, at + 80, 4}, 1}, {"bpf_strncasecmp", []uint64{at, at + 80, 0}, 0},
	} {
		if got := run.text(t, c.name, c.args...); got != c.want {
			t.Errorf("%s%v gives %d, want %d", c.name, c.args, got, c.want)
		}
	}
}

// Strings without an end are refused after 64 KiB, or where memory ends.
func TestEndlessStrings(t *testing.T) {
	run, _, at := world(t, nil)
	const here = 0xffff_8880_0000_0000
	m := new(host.MemoryMap)
	run.World.Host = shell{MemoryMap: m}
	if err := m.AddKernel(here, []byte(strings.Repeat("a", 70000))); err != nil {
		t.Fatal(err)
	}
	if err := m.AddKernel(here+1<<20, []byte("short, and no end")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bpf_strlen", "bpf_strchr", "bpf_strchrnul", "bpf_strrchr"} {
		if got := run.text(t, name, here, 'x'); got != tooLong {
			t.Errorf("%s gives %d", name, got)
		}
		if got := run.text(t, name, here+1<<20, 'x'); got != -14 {
			t.Errorf("%s beyond memory gives %d", name, got)
		}
	}
	for _, name := range []string{"bpf_strcmp", "bpf_strspn", "bpf_strcasecmp"} {
		if got := run.text(t, name, here, here); got != tooLong {
			t.Errorf("%s gives %d", name, got)
		}
	}
	if got := run.text(t, "bpf_strcspn", here, at); got != tooLong {
		t.Errorf("bpf_strcspn gives %d", got)
	}
	if got := run.text(t, "bpf_strstr", here, here+1<<20); got != tooLong {
		t.Errorf("bpf_strstr gives %d", got)
	}
}

// Formats are the guest's: none makes the host allocate much or panic.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%d", "%99999999999d", "%-0+ 5llx%s", "%pI6%pi4%pks%pus%pB%pS", "%", "%%%", "%p", "%8388607c%c"} {
		f.Add(s, uint64(0x1000_0040), uint64(1)<<63)
	}
	f.Fuzz(func(t *testing.T, format string, a, b uint64) {
		run, mem, at := world(t, new(bytes.Buffer))
		if len(format) > 100 {
			return
		}
		copy(mem, format+"\x00")
		r0, err := run.Helper(bpf.CallHelper, 6, &[5]uint64{at, 101, a, b, a ^ b})
		if err != nil {
			t.Fatal(err)
		}
		if int64(r0) < -100 || int64(r0) > 4*maxWidth {
			t.Errorf("%q gives %d", format, int64(r0))
		}
		if r0, err = run.Helper(bpf.CallHelper, 165, &[5]uint64{at + 128, 16, at, at, 32}); err != nil || int64(r0) > 0 && mem[128+min(r0-1, 15)] != 0 {
			t.Errorf("snprintf of %q: %d, %v, %q", format, int64(r0), err, mem[128:144])
		}
		if mem[144] != 0 {
			t.Errorf("snprintf of %q writes beyond its buffer", format)
		}
	})
}

func TestSequences(t *testing.T) {
	run, mem, at := world(t, nil)
	copy(mem, "%s-%d\x00")
	copy(mem[32:], "text\x00")
	mem[48], mem[49], mem[50], mem[51] = byte(at+32), byte((at+32)>>8), byte((at+32)>>16), byte((at+32)>>24)
	mem[56] = 9
	if r := run.must(t, 126, 0, at, 6, at+48, 16); r != 0 {
		t.Errorf("seq_printf: %d", int64(r))
	}
	if r := run.must(t, 127, 0, at+32, 4); r != 0 || string(run.Effects.Seq) != "text-9text" {
		t.Errorf("seq_write: %d, %q", int64(r), run.Effects.Seq)
	}
	for range maxSeq/200 + 1 {
		run.must(t, 127, 0, at, 200)
	}
	if r := int64(run.must(t, 127, 0, at, 200)); r != -75 || len(run.Effects.Seq) > maxSeq {
		t.Errorf("a sequence without end: %d, %d bytes", r, len(run.Effects.Seq))
	}
	if r := int64(run.must(t, 126, 0, at, 6, at+48, 15)); r != -22 {
		t.Errorf("arguments of 15 bytes: %d", r)
	}
}

// A search that takes long ends with the context of its run.
func TestSearchEndsWithContext(t *testing.T) {
	run, _, _ := world(t, nil)
	const here = 0xffff_8880_0000_0000
	m := new(host.MemoryMap)
	run.World.Host = shell{MemoryMap: m}
	if err := m.AddKernel(here, []byte(strings.Repeat("a", 65000)+"b\x00")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	run.Context = ctx
	h := builtinKfuncs()["bpf_strstr"]
	c := &Call{Run: run, Helper: h, Args: [5]uint64{here, here + 30000}}
	start := time.Now()
	if _, err := h.Fn(c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
