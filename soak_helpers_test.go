package rivet_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"

	"github.com/rivetbpf/rivet"
)

var le = binary.LittleEndian

// What testdata/soak/soak.c asks helper 6002 for.
const (
	failError = iota + 1
	failPanic
	failNil
	failExit
	failDeep
	failGoexit
	failKinds = iota
)

var errSoak = errors.New("the helper will not")

// soakHelpers are the helpers of testdata/soak/soak.c.
func soakHelpers() []rivet.Helper {
	return []rivet.Helper{
		{ID: 6000, Name: "churn", Args: []rivet.Arg{{Kind: rivet.ArgScalar}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				b := churn(c.Arg(0))
				return 3 * le.Uint64(b), nil
			}},
		{ID: 6001, Name: "apply", Args: []rivet.Arg{{Kind: rivet.ArgFunc}, {Kind: rivet.ArgScalar}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				var sum uint64
				for i := range uint64(3) {
					grow(int(i) * 8)
					r, err := c.Call(c.Arg(0), i, c.Arg(1))
					if err != nil {
						return 0, err
					}
					sum += r
				}
				return sum, nil
			}},
		{ID: 6002, Name: "fail", Args: []rivet.Arg{{Kind: rivet.ArgScalar}}, Func: failing},
	}
}

// churn allocates, and now and then lets others run: the goroutine may go on
// on another thread.
func churn(n uint64) []byte {
	b := make([]byte, 8+n%512)
	le.PutUint64(b, n)
	switch n % 16 {
	case 0:
		runtime.Gosched()
	case 1:
		grow(32)
	}
	return b
}

// grow needs n KiB of stack, which moves the stack of a young goroutine.
//
//go:noinline
func grow(n int) byte {
	var pad [1024]byte
	pad[n%len(pad)] = byte(n)
	if n > 0 {
		return grow(n-1) + pad[n%len(pad)]
	}
	return pad[0]
}

func failing(c *rivet.HelperCall) (uint64, error) {
	switch c.Arg(0) {
	case failPanic:
		panic("soak")
	case failNil:
		var p *[16]uint64
		return p[c.CPU()], nil
	case failExit:
		return 0, c.Exit(77)
	case failDeep:
		grow(100)
		panic(errSoak)
	case failGoexit:
		runtime.Goexit()
	}
	return 0, errSoak
}

// wantFail checks what a run of program fails comes to.
func wantFail(n, ret uint32, err error) bool {
	if n == failExit {
		return err == nil && ret == 77
	}
	var f *rivet.Fault
	if !errors.As(err, &f) || f.Kind != rivet.FaultHelper || f.Program != "fails" {
		return false
	}
	var p *rivet.HelperPanic
	panicked := errors.As(err, &p) && strings.Contains(string(p.Stack), "failing(")
	var rt runtime.Error
	switch n {
	case failError:
		return errors.Is(err, errSoak) && p == nil
	case failPanic:
		return panicked && p.Value == "soak"
	case failNil:
		return panicked && errors.As(err, &rt)
	case failDeep:
		return panicked && errors.Is(err, errSoak)
	}
	return false
}
