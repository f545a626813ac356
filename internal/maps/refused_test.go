package maps

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

func wantRefused(t *testing.T, d *bpf.Map, want string) {
	t.Helper()
	if err := Check([]*bpf.Map{d}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%+v: %v, want %q", d, err, want)
	}
}

// Definitions that Linux refuses, and sizes whose product overflows.
func TestDefinitionsRefused(t *testing.T) {
	lpm := bpf.Map{Type: uint32(ebpf.LPMTrie), KeySize: 8, ValueSize: 4, MaxEntries: 1, Flags: FNoPrealloc}
	queue := bpf.Map{Type: uint32(ebpf.Queue), ValueSize: 4, MaxEntries: 1}
	bloom := bpf.Map{Type: uint32(ebpf.BloomFilter), ValueSize: 4, MaxEntries: 1}
	stacks := bpf.Map{Type: uint32(ebpf.StackTrace), KeySize: 4, ValueSize: 8, MaxEntries: 1}
	groups := bpf.Map{Type: uint32(ebpf.CGroupArray), KeySize: 4, ValueSize: 4, MaxEntries: 1}
	outer := bpf.Map{Type: uint32(ebpf.ArrayOfMaps), KeySize: 4, ValueSize: 4, MaxEntries: 1, Inner: &lpm}
	named := bpf.Map{Type: uint32(ebpf.HashOfMaps), KeySize: 9, ValueSize: 4, MaxEntries: 1, Inner: &queue}
	both := uint32(FRdonlyProg | FWronlyProg)
	for _, c := range []struct {
		base   bpf.Map
		want   string
		change func(*bpf.Map)
	}{
		{lpm, "max_entries is 0", func(d *bpf.Map) { d.MaxEntries = 0 }},
		{lpm, "BPF_F_NO_PREALLOC", func(d *bpf.Map) { d.Flags = 0 }},
		{lpm, "unknown flags 0x2", func(d *bpf.Map) { d.Flags |= 2 }},
		{lpm, "exclude each other", func(d *bpf.Map) { d.Flags |= both }},
		{lpm, "key size is 4", func(d *bpf.Map) { d.KeySize = 4 }},
		{lpm, "key size is 261", func(d *bpf.Map) { d.KeySize = 261 }},
		{lpm, "value size is 0", func(d *bpf.Map) { d.ValueSize = 0 }},
		{lpm, "value size is 4194304", func(d *bpf.Map) { d.ValueSize = 4 << 20 }},
		{queue, "max_entries is 0", func(d *bpf.Map) { d.MaxEntries = 0 }},
		{queue, "key size is 4", func(d *bpf.Map) { d.KeySize = 4 }},
		{queue, "value size is 0", func(d *bpf.Map) { d.ValueSize = 0 }},
		{queue, "value size is 4294967295", func(d *bpf.Map) { d.ValueSize = 1<<32 - 1 }},
		{queue, "unknown flags 0x1", func(d *bpf.Map) { d.Flags = 1 }},
		{queue, "exclude each other", func(d *bpf.Map) { d.Flags = both }},
		{bloom, "key size is 4", func(d *bpf.Map) { d.KeySize = 4 }},
		{bloom, "value size is 0", func(d *bpf.Map) { d.ValueSize = 0 }},
		{bloom, "max_entries is 0", func(d *bpf.Map) { d.MaxEntries = 0 }},
		{bloom, "is 16, must be at most 15", func(d *bpf.Map) { d.MapExtra = 16 }},
		{bloom, "unknown flags 0x1", func(d *bpf.Map) { d.Flags = 1 }},
		{stacks, "max_entries is 0", func(d *bpf.Map) { d.MaxEntries = 0 }},
		{stacks, "key size is 8", func(d *bpf.Map) { d.KeySize = 8 }},
		{stacks, "value size is 12", func(d *bpf.Map) { d.ValueSize = 12 }},
		{stacks, "value size is 0", func(d *bpf.Map) { d.ValueSize = 0 }},
		{stacks, "value size is 1024", func(d *bpf.Map) { d.ValueSize = 1024 }},
		{stacks, "multiple of 32", func(d *bpf.Map) { d.Flags = fStackBuildID }},
		{stacks, "unknown flags 0x80", func(d *bpf.Map) { d.Flags = FRdonlyProg }},
		{groups, "value size 8", func(d *bpf.Map) { d.ValueSize = 8 }},
		{groups, "max_entries is 0", func(d *bpf.Map) { d.MaxEntries = 0 }},
		{groups, "max_entries is 4294967295", func(d *bpf.Map) { d.MaxEntries = 1<<32 - 1 }},
		{groups, "not for cgroup arrays", func(d *bpf.Map) { d.Flags = FRdonlyProg }},
		{outer, "no example of an inner map", func(d *bpf.Map) { d.Inner = nil }},
		{outer, "cannot be in a map", func(d *bpf.Map) {
			d.Inner = &bpf.Map{Type: uint32(ebpf.ProgramArray), KeySize: 4, ValueSize: 4, MaxEntries: 1}
		}},
		{outer, "cannot be in a map", func(d *bpf.Map) { d.Inner = &named }},
		{outer, "must have BPF_F_NO_PREALLOC", func(d *bpf.Map) {
			d.Inner = &bpf.Map{Type: uint32(ebpf.LPMTrie), KeySize: 8, ValueSize: 4, MaxEntries: 1}
		}},
		{outer, "value size 8", func(d *bpf.Map) { d.ValueSize = 8 }},
		{outer, "not for arrays of maps", func(d *bpf.Map) { d.Flags = FWronlyProg }},
		{named, "value size is 8", func(d *bpf.Map) { d.ValueSize = 8 }},
		{named, "neither may be 0", func(d *bpf.Map) { d.KeySize = 0 }},
	} {
		d := c.base
		if err := Check([]*bpf.Map{&d}); err != nil {
			t.Fatalf("the definition that is changed: %v", err)
		}
		c.change(&d)
		wantRefused(t, &d, c.want)
	}
	// What is allowed and does not fit any arena says so, and does not overflow.
	for _, d := range []*bpf.Map{
		{Type: uint32(ebpf.Queue), ValueSize: maxKmalloc, MaxEntries: 1<<32 - 1},
		{Type: uint32(ebpf.LPMTrie), KeySize: 260, ValueSize: lpmMaxValue, MaxEntries: 1<<32 - 1, Flags: FNoPrealloc},
		{Type: uint32(ebpf.BloomFilter), ValueSize: 1, MaxEntries: 1<<32 - 1, MapExtra: 15},
	} {
		if err := Check([]*bpf.Map{d}); err != nil {
			t.Error(err)
		}
		if n := Memory([]*bpf.Map{d}, 1); n.Fixed+n.More < 1<<29 {
			t.Errorf("%v takes %+v", ebpf.MapType(d.Type), n)
		}
	}
}
