package load

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// kconfigValue returns the value of a configuration variable as text.
func (e *externs) kconfigValue(name string) (string, error) {
	if v, ok := e.opts.Kconfig[name]; ok {
		return v, nil
	}
	if name == "LINUX_KERNEL_VERSION" {
		release, err := os.ReadFile("/proc/sys/kernel/osrelease")
		if err != nil {
			return "", fmt.Errorf("kconfig variable %s: set it, this host has no Linux: %w", name, err)
		}
		return kernelVersion(string(release)), nil
	}
	if name == "LINUX_HAS_SYSCALL_WRAPPER" || name == "LINUX_HAS_BPF_COOKIE" {
		return "1", nil // libbpf's own variables: what current kernels have
	}
	config, err := hostConfig()
	if err != nil {
		return "", &missingConfig{name, fmt.Errorf("set it, the host does not tell: %w", err)}
	}
	v, ok := config[name]
	if !ok {
		return "", &missingConfig{name, errors.New("the host's kernel configuration does not have it")}
	}
	return v, nil
}

// missingConfig is the error for a variable of whose value nothing is known.
type missingConfig struct {
	name string
	err  error
}

func (m *missingConfig) Error() string { return fmt.Sprintf("kconfig variable %s: %v", m.name, m.err) }
func (m *missingConfig) Unwrap() error { return m.err }

// kernelVersion turns 6.1.20-foo into the number that KERNEL_VERSION(6,1,20) is.
func kernelVersion(release string) string {
	var a, b, c uint32
	fmt.Sscanf(release, "%d.%d.%d", &a, &b, &c)
	return strconv.Itoa(int(a<<16 + b<<8 + min(c, 255)))
}

// hostConfig reads the configuration of the running kernel once.
var hostConfig = sync.OnceValues(func() (map[string]string, error) {
	if f, err := os.Open("/proc/config.gz"); err == nil {
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		return parseConfig(z)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	f, err := os.Open("/boot/config-" + strings.TrimSpace(string(release)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseConfig(f)
})

func parseConfig(r io.Reader) (map[string]string, error) {
	config := map[string]string{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		if name, value, ok := strings.Cut(s.Text(), "="); ok && strings.HasPrefix(name, "CONFIG_") {
			config[name] = value
		}
	}
	return config, s.Err()
}

// putKconfig stores value in out, as a variable of type typ. y, n and m are for
// bool, char and enum libbpf_tristate; text is for arrays of char.
func putKconfig(out []byte, typ btf.Type, value string) error {
	if s, ok := strings.CutPrefix(value, `"`); ok {
		s = strings.TrimSuffix(s, `"`)
		a, ok := btf.As[*btf.Array](typ)
		if !ok || uint64(a.Nelems) != uint64(len(out)) {
			return errors.New("text can be stored in an array of char only")
		}
		if n := copy(out, s); n == len(out) && n > 0 {
			out[n-1] = 0 // libbpf cuts, too
		}
		return nil
	}
	integer, isInt := btf.As[*btf.Int](typ)
	_, isEnum := btf.As[*btf.Enum](typ)
	var n uint64
	switch value {
	case "y", "n", "m":
		n = map[string]uint64{"n": 0, "y": 1, "m": 2}[value]
		switch {
		case isInt && integer.Encoding == btf.Char:
			n = uint64(value[0])
		case isInt && integer.Encoding == btf.Bool && value != "m":
		case isInt && integer.Size == 1: // some clangs call char a plain integer
			n = uint64(value[0])
		case isEnum:
		default:
			return errors.New("y, n and m can be stored in a bool, char or enum libbpf_tristate only")
		}
	default:
		var err error
		if n, err = parseNumber(value); err != nil {
			return err
		}
		if !isInt {
			return errors.New("a number can be stored in an integer only")
		}
		if bits := uint(len(out)) * 8; bits < 64 && n>>bits != 0 && n>>(bits-1) != 1<<(65-bits)-1 {
			return fmt.Errorf("it does not fit %d bytes", len(out))
		}
	}
	var b [8]byte
	byteOrder.PutUint64(b[:], n)
	if len(out) > len(b) {
		return fmt.Errorf("variable of %d bytes", len(out))
	}
	copy(out, b[:])
	return nil
}

func parseNumber(s string) (uint64, error) {
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseInt(s, 0, 64)
	return uint64(n), err
}
