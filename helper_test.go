package rivet_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet"
)

// theirs are the helpers that testdata/face/calls.c needs.
func theirs() []rivet.Helper {
	return []rivet.Helper{
		{ID: 5000, Name: "sum", Args: []rivet.Arg{{Name: "data", Kind: rivet.ArgMem}, {Name: "size", Kind: rivet.ArgSize}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				var n uint64
				for _, b := range c.Bytes(0) {
					n += uint64(b)
				}
				return n, nil
			}},
		{ID: 5001, Name: "apply", Args: []rivet.Arg{{Name: "fn", Kind: rivet.ArgFunc}, {Name: "n", Kind: rivet.ArgScalar}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				var sum uint64
				for i := range c.Arg(1) {
					r, err := c.Call(c.Arg(0), i, 100)
					if err != nil {
						return 0, err
					}
					sum += r
				}
				return sum, nil
			}},
		{Name: "parse_name", Args: []rivet.Arg{{Name: "out", Kind: rivet.ArgMemOut, Size: 8}, {Name: "name", Kind: rivet.ArgMem}, {Name: "size", Kind: rivet.ArgSizeOrZero}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				binary.LittleEndian.PutUint64(c.Bytes(0), uint64(len(c.Bytes(1))))
				return 0, nil
			}},
	}
}

func TestUserHelpers(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Helpers = theirs()
		c := load(t, spec(t, "calls"), opts)
		if ret := run(t, c, "user", nil); ret != 1005 {
			t.Errorf("user is %d, want 1005", ret)
		}
		// 0 + 1 + 4, and 100 each; and the caller's stack is as it was: 1 + 4.
		if ret := run(t, c, "callback", nil); ret != 310 {
			t.Errorf("callback is %d, want 310", ret)
		}
	})
}

func TestUserHelperFails(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Helpers = theirs()
		opts.Helpers[0].Func = func(*rivet.HelperCall) (uint64, error) { panic("oh no") }
		c := load(t, spec(t, "calls"), opts)
		for range 10 { // more often than helpers nest
			if f := fault(t, c, "user"); f.Kind != rivet.FaultHelper || !strings.Contains(f.Error(), "sum: panic: oh no") || f.Line == 0 {
				t.Errorf("%+v", f)
			}
		}
		opts.Helpers = theirs()
		opts.Helpers[0].Func = func(c *rivet.HelperCall) (uint64, error) { return 0, c.Exit(33) }
		if ret := run(t, load(t, spec(t, "calls"), opts), "user", nil); ret != 33 {
			t.Errorf("after Exit: %d, want 33", ret)
		}
	})
}

// A helper that calls the function that calls the helper, and so on, ends.
func TestNestedTooDeep(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Helpers = theirs()
		var self func(c *rivet.HelperCall) (uint64, error)
		depth := 0
		self = func(c *rivet.HelperCall) (uint64, error) {
			if depth++; depth > 100 {
				return 0, nil
			}
			return c.Call(0x7e000010, 0) // function 1 of the module: callback
		}
		opts.Helpers[0].Func, opts.Helpers[1].Func = self, self
		c := load(t, spec(t, "calls"), opts)
		for name := range c.Programs {
			depth = 0
			if f := fault(t, c, name); !strings.Contains(f.Error(), "nest deeper than") {
				t.Errorf("%s: %v", name, f)
			}
		}
	})
}

func TestBadHelpers(t *testing.T) {
	fn := func(*rivet.HelperCall) (uint64, error) { return 0, nil }
	for want, h := range map[string]rivet.Helper{
		"no function":           {ID: 9000, Name: "x"},
		"without a name":        {Func: fn},
		"tail_call":             {ID: 12, Name: "x", Func: fn},
		"is negative":           {ID: -1, Name: "x", Func: fn},
		"needs its size":        {ID: 9000, Func: fn, Args: []rivet.Arg{{Kind: rivet.ArgMem}}},
		"follows the pointer":   {ID: 9000, Func: fn, Args: []rivet.Arg{{Kind: rivet.ArgSize}}},
		"needs a map":           {ID: 9000, Func: fn, Args: []rivet.Arg{{Kind: rivet.ArgMapKey}}},
		"has no kind":           {ID: 9000, Func: fn, Args: []rivet.Arg{{}}},
		"at most 5 are passed":  {ID: 9000, Func: fn, Args: make([]rivet.Arg, 6)},
		"unknown kind":          {ID: 9000, Func: fn, Args: []rivet.Arg{{Kind: 99}}},
		"kfunc parse_name (use": {ID: 9000, Func: fn},
	} {
		_, err := rivet.NewCollectionWithOptions(spec(t, "calls"), rivet.CollectionOptions{Helpers: []rivet.Helper{h}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", h, err, want)
		}
	}
}
