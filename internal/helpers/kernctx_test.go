package helpers

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Without types, and for contexts whose structure is not known, a cast says so; members of a size that they have in no
// kernel stay within the structure.
func TestCastToKernelContext(t *testing.T) {
	odd := &btf.Struct{Name: "sk_buff", Size: 5, Members: []btf.Member{{Name: "len", Type: &btf.Int{Name: "u8", Size: 1}},
		{Name: "data", Type: &btf.Int{Name: "u64", Size: 8}, Offset: 8}, {Name: "mark", Type: &btf.Int{Name: "u32", Size: 4}, Offset: 8}}}
	types, _ := specOf(t, odd)
	for _, test := range []struct {
		typ   string
		types *btf.Spec
		want  string
	}{
		{"SchedCLS", nil, "no struct sk_buff in CollectionOptions.KernelTypes"},
		{"XDP", types, "no struct xdp_buff in CollectionOptions.KernelTypes"},
		{"SkLookup", types, "the kernel's structure behind struct bpf_sk_lookup is not known"},
		{"SchedCLS", types, ""},
	} {
		run := packetRun(t, test.typ, make([]byte, 60), nil)
		run.World.Types, run.World.Table = test.types, &Table{kfuncs: kernelContextHelpers}
		run.More = func(n int) ([]byte, uint64, error) {
			at, err := run.World.Arena.Alloc(uint64(n))
			b, _ := run.World.Arena.Bytes(at, uint64(n))
			return b, at, err
		}
		at, err := run.Helper(bpf.CallKfunc, 0, &[5]uint64{run.CtxAt})
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", test.typ, err)
			}
			continue
		}
		b, ok := run.World.Arena.Bytes(at, 8)
		if err != nil || !ok || b[0] != 60 || b[5]|b[6]|b[7] != 0 {
			t.Errorf("%s: %v, %x", test.typ, err, b)
		}
	}
	run, _, at := world(t, nil)
	run.World.Table = &Table{kfuncs: kernelContextHelpers}
	if r0, err := run.Helper(bpf.CallKfunc, 0, &[5]uint64{at}); err != nil || r0 != at {
		t.Errorf("a context of the caller's: %#x, %v", r0, err)
	}
}
