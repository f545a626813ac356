package maps

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bell"
	"github.com/rivetbpf/rivet/internal/bpf"
)

func TestPerfDefinitions(t *testing.T) {
	d := &bpf.Map{Name: "p", Type: uint32(ebpf.PerfEventArray), MaxEntries: 100}
	Complete([]*bpf.Map{d}, 3)
	if d.KeySize != 4 || d.ValueSize != 4 || d.MaxEntries != 3 {
		t.Errorf("completed to %+v", d)
	}
	if err := Check([]*bpf.Map{d}); err != nil {
		t.Error(err)
	}
	for _, bad := range []bpf.Map{{KeySize: 8, ValueSize: 4}, {KeySize: 4, ValueSize: 8}, {KeySize: 4, ValueSize: 4, Flags: FWronlyProg}, {KeySize: 4, ValueSize: 4, Flags: 1}} {
		bad.Type, bad.MaxEntries = d.Type, 1
		if err := Check([]*bpf.Map{&bad}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// Samples of all lengths come out as they went in, wherever in the buffer they lie.
func TestPerfRingWraps(t *testing.T) {
	var b bell.Bell
	r := NewPerfRing(0, &b, PerfRingOptions{Size: 4096})
	sent := make([]byte, 4095)
	for i := range sent {
		sent[i] = byte(i * 5)
	}
	var c PerfCursor
	var rec PerfRecord
	for n := range 4076 {
		if err := r.output(sent[:n/2], sent[n/2:n]); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		r.Renew(&c)
		if !r.Next(&c, &rec) || string(rec.Sample[:n]) != string(sent[:n]) || len(rec.Sample) != (n+4+7)&^7-4 || rec.Remaining != 0 {
			t.Fatalf("%d bytes became %d, %d remain", n, len(rec.Sample), rec.Remaining)
		}
		if r.Next(&c, &rec) {
			t.Fatal("there is another one")
		}
	}
	if err := r.output(sent[:4077], nil); err != ENOSPC {
		t.Errorf("more than the buffer holds: %v", err)
	}
	if err := r.output(sent[:1], nil); err != nil {
		t.Error(err)
	}
	r.Renew(&c)
	if !r.Next(&c, &rec) || rec.Lost != 1 || len(rec.Sample) != 0 || !r.Next(&c, &rec) || rec.Lost != 0 {
		t.Errorf("the sample that is lost is not told: %+v", rec)
	}
}

// An overwritable buffer gives the newest samples, newest first, each once.
func TestPerfRingOverwrites(t *testing.T) {
	var b bell.Bell
	r := NewPerfRing(0, &b, PerfRingOptions{Size: 4096, Overwritable: true})
	var c PerfCursor
	var rec PerfRecord
	seen := func() (all []string) {
		for r.Renew(&c); r.Next(&c, &rec); {
			if rec.Remaining != -1 {
				t.Errorf("%d bytes remain", rec.Remaining)
			}
			all = append(all, string(rec.Sample[:4]))
		}
		return all
	}
	for i := range 3 {
		r.output(fmt.Appendf(nil, "%04d", i), nil)
	}
	if got := fmt.Sprint(seen()); got != "[0002 0001 0000]" {
		t.Errorf("of three: %s", got)
	}
	for i := range 1000 { // 4096 bytes hold 256 of 16
		r.output(fmt.Appendf(nil, "%04d", i), nil)
	}
	if got := seen(); len(got) != 256 || got[0] != "0999" || got[255] != "0744" {
		t.Errorf("of a thousand: %d, %v", len(got), got)
	}
	r.output([]byte("last"), nil)
	if got := fmt.Sprint(seen()); got != "[last]" {
		t.Errorf("of one more: %s", got)
	}
	for range 7 {
		r.output(make([]byte, 1001), nil)
	}
	if got := seen(); len(got) != 4 { // of 1016 bytes each, the fifth overwritten in part
		t.Errorf("of seven long ones: %d", len(got))
	}
}
