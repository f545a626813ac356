package cpufeature

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
)

// answer is a kernel that knows the keys of m.
func answer(m map[int64]uint64) func([]pair) error {
	return func(pairs []pair) error {
		for i := range pairs {
			v, ok := m[pairs[i].key]
			if !ok {
				pairs[i].key = -1
			}
			pairs[i].value = v
		}
		return nil
	}
}

var errNoSys = errors.New("function not implemented")

func noProbe([]pair) error { return errNoSys }

func vector(v ...[2]uintptr) func() ([][2]uintptr, error) {
	return func() ([][2]uintptr, error) { return v, nil }
}

func noVector() ([][2]uintptr, error) { return nil, errNoSys }

const gc = 1<<('i'-'a') | 1<<('m'-'a') | 1<<('a'-'a') | 1<<('f'-'a') | 1<<('d'-'a') | 1<<('c'-'a')

func TestRISCV(t *testing.T) {
	gcVector := vector([2]uintptr{6, 4096}, [2]uintptr{16, gc}, [2]uintptr{0, 0})
	zb := uint64(1<<3 | 1<<4 | 1<<5)
	for _, c := range []struct {
		name    string
		hwprobe func([]pair) error
		auxv    func() ([][2]uintptr, error)
		want    Features
		ext     rv.Ext
	}{
		{"everything", answer(map[int64]uint64{3: 1, 4: 3 | zb | 1<<34 | 1<<35, 5: 3, 9: 3}), gcVector,
			Features{"rv64gc_zba_zbb_zbs_zicond_zacas", SourceHwprobe, "fast"}, rv.ExtAll},
		{"vectors, crypto and what nobody knows yet", answer(map[int64]uint64{3: 1, 4: ^(zb | 1<<34 | 1<<35)}), gcVector,
			Features{"rv64gc", SourceHwprobe, ""}, rv.ExtC},
		{"a kernel without the newer key", answer(map[int64]uint64{3: 1, 4: 3 | zb, 5: 8<<3 | 2}), gcVector,
			Features{"rv64gc_zba_zbb_zbs", SourceHwprobe, "slow"}, rv.ExtC | rv.ExtZba | rv.ExtZbb | rv.ExtZbs},
		{"the newer key counts", answer(map[int64]uint64{3: 1, 4: 3, 5: 3, 9: 1}), gcVector,
			Features{"rv64gc", SourceHwprobe, "emulated"}, rv.ExtC},
		{"a value of tomorrow", answer(map[int64]uint64{3: 1, 4: 3, 9: 77}), gcVector,
			Features{"rv64gc", SourceHwprobe, ""}, rv.ExtC},
		{"no compressed code", answer(map[int64]uint64{3: 1, 4: 1 | 1<<4}), gcVector,
			Features{"rv64g_zbb", SourceHwprobe, ""}, rv.ExtZbb},
		{"no floating point", answer(map[int64]uint64{3: 1, 4: 2 | 1<<5}), gcVector,
			Features{"rv64imac_zbs", SourceHwprobe, ""}, rv.ExtC | rv.ExtZbs},
		{"another base", answer(map[int64]uint64{3: 0, 4: 3}), gcVector, Features{"rv64gc", SourceAuxv, ""}, rv.ExtC},
		{"a kernel that knows no key", answer(nil), gcVector, Features{"rv64gc", SourceAuxv, ""}, rv.ExtC},
		{"an old kernel", noProbe, gcVector, Features{"rv64gc", SourceAuxv, ""}, rv.ExtC},
		{"an old kernel with vectors", noProbe, vector([2]uintptr{16, gc | 1<<('v'-'a')}), Features{"rv64gc", SourceAuxv, ""}, rv.ExtC},
		{"an old kernel, no compressed code", noProbe, vector([2]uintptr{16, gc &^ (1 << ('c' - 'a'))}), Features{"rv64g", SourceAuxv, ""}, 0},
		{"an old kernel, no floating point", noProbe, vector([2]uintptr{16, gc &^ (1<<('f'-'a') | 1<<('d'-'a'))}), Features{"rv64imac", SourceAuxv, ""}, rv.ExtC},
		{"an old kernel that says nothing", noProbe, vector([2]uintptr{16, 0}), Features{"rv64gc", SourceAssumed, ""}, rv.ExtC},
		{"a vector without the entry", noProbe, vector([2]uintptr{6, 4096}), Features{"rv64gc", SourceAssumed, ""}, rv.ExtC},
		{"nobody answers", noProbe, noVector, Features{"rv64gc", SourceAssumed, ""}, rv.ExtC},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := riscv(c.hwprobe, c.auxv)
			if f != c.want {
				t.Errorf("got %+v, want %+v", f, c.want)
			}
			ext, err := rv.ParseMarch(f.March)
			if err != nil || ext != c.ext {
				t.Errorf("ParseMarch(%q) = %v, %v; want %v", f.March, ext, err, c.ext)
			}
		})
	}
}

// TestHost asks the host of the test; on riscv64 (or under an emulator of it)
// the answer is checked against /proc/cpuinfo where that is of the same CPU.
func TestHost(t *testing.T) {
	f, ok := Host()
	if want := runtime.GOOS == "linux" && runtime.GOARCH == "riscv64"; ok != want {
		t.Fatalf("Host() = %+v, %v on %s/%s", f, ok, runtime.GOOS, runtime.GOARCH)
	}
	if !ok {
		if f != (Features{}) {
			t.Errorf("features of a host without a target: %+v", f)
		}
		return
	}
	t.Logf("%+v", f)
	if _, err := rv.ParseMarch(f.March); err != nil {
		t.Error(err)
	}
	if f.Source == SourceAssumed {
		t.Errorf("neither riscv_hwprobe nor the auxiliary vector answered: %+v", f)
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(info), "\n") {
		name, isa, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "isa" || f.Source != SourceHwprobe {
			continue
		}
		has, err := rv.ParseMarch(strings.TrimSpace(isa))
		mine, _ := rv.ParseMarch(f.March)
		if err != nil || !has.Has(mine) {
			t.Errorf("/proc/cpuinfo has %s (%v), Host() more: %s", isa, err, f.March)
		}
	}
}
