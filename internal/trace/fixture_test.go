package trace

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// mixed is the flow of examples/tailcalls, written by hand: main tail-calls
// foo, foo calls subprog, subprog tail-calls foo2, which returns to foo.
func mixed(scheme engine.Scheme) *Run {
	line := func(insn, num int, text string) bpf.Line {
		return bpf.Line{Insn: insn, File: "examples/tailcalls/tailcalls.c", Num: num, Text: "\t" + text}
	}
	mod := &bpf.Module{
		Programs: []*bpf.Program{{Name: "main", Func: 0}, {Name: "foo", Func: 1}, {Name: "foo2", Func: 3}},
		Funcs: []*bpf.Func{
			{Name: "main", Lines: []bpf.Line{line(0, 41, "int main(struct __sk_buff *skb)"), line(3, 43, "bpf_tail_call_static(skb, &jmp_table, 0);")}},
			{Name: "foo", Lines: []bpf.Line{line(0, 33, "int foo(struct __sk_buff *skb)"), line(2, 35, "int ret = subprog(skb);"), line(4, 36, "return ret + 1;")}},
			{Name: "subprog", Lines: []bpf.Line{line(0, 25, "static __noinline int subprog(struct __sk_buff *skb)"), line(4, 27, "bpf_tail_call_static(skb, &jmp_table, 1);")}},
			{Name: "foo2", Lines: []bpf.Line{line(0, 18, "int foo2(struct __sk_buff *skb)"), line(1, 20, "return bpf_get_smp_processor_id() + 31;")}},
		},
		Maps: []*bpf.Map{{Name: "jmp_table", Type: bpf.MapTypeProgArray, MaxEntries: 2}},
	}
	r := NewRecorder(mod)
	home, back := "s10", 31
	frame := home
	if scheme == engine.Propagated {
		home, frame, back = "a6", "frame", 32
	}
	for _, e := range []engine.Event{
		{Kind: engine.EventEntry, Func: 0, CountBefore: 33, Count: 33, Home: home},
		{Kind: engine.EventTailCall, Func: 0, Insn: 3, Target: 1, CountBefore: 33, Count: 32, Home: home},
		{Kind: engine.EventCall, Func: 1, Insn: 2, Target: 2, CountBefore: 32, Count: 32, Home: home},
		{Kind: engine.EventTailCall, Func: 2, Insn: 4, Target: 3, Depth: 1, CountBefore: 32, Count: 31, Home: home, Index: 1},
		{Kind: engine.EventHelper, Func: 3, Insn: 1, Depth: 1, HelperID: 8, CountBefore: 31, Count: 31, Home: home},
		{Kind: engine.EventReturn, Func: 1, Insn: 2, Target: 3, CountBefore: back, Count: back, Home: frame, R0: 31},
		{Kind: engine.EventExit, Func: 1, Insn: 4, CountBefore: back, Count: back, Home: frame, R0: 32},
	} {
		r.Record(&e)
	}
	return &Run{Object: "tailcalls.o", Program: "main", Engine: "hart", March: "rv64gc", Scheme: scheme,
		Retired: 61, Verdict: "32", Events: r.Events}
}

// chain is a long run: a program calls a subprogram, looks a map up and
// tail-calls itself until the count is spent.
func chain() *Run {
	mod := &bpf.Module{
		Programs: []*bpf.Program{{Name: "classifier_0", Func: 0}},
		Funcs: []*bpf.Func{
			{Name: "classifier_0", Lines: []bpf.Line{{File: "chain.c", Num: 12, Text: "int classifier_0(struct __sk_buff *skb)"}}},
			{Name: "count_packet", Lines: []bpf.Line{{File: "chain.c", Num: 5, Text: "static __noinline int count_packet(__u32 i)"}}},
		},
		Maps: []*bpf.Map{{Name: "jmp_table", Type: bpf.MapTypeProgArray, MaxEntries: 3}},
	}
	r := NewRecorder(mod)
	add := func(e engine.Event) { e.Home = "s10"; r.Record(&e) }
	add(engine.Event{Kind: engine.EventEntry, CountBefore: 33, Count: 33})
	for n := 33; ; n-- {
		add(engine.Event{Kind: engine.EventCall, Target: 1, CountBefore: n, Count: n})
		add(engine.Event{Kind: engine.EventHelper, Func: 1, Depth: 1, HelperID: 1, CountBefore: n, Count: n, R0: 0x10000040})
		for h := range n % 8 {
			add(engine.Event{Kind: engine.EventHelper, Func: 1, Depth: 1, HelperID: 5 + int32(h)%4, CountBefore: n, Count: n})
		}
		if n%11 == 0 {
			add(engine.Event{Kind: engine.EventTailCallMissed, Func: 1, Depth: 1, Index: 2, CountBefore: n, Count: n, Target: -1, Reason: "empty slot"})
		}
		add(engine.Event{Kind: engine.EventReturn, Target: 1, CountBefore: n, Count: n})
		if n == 0 {
			add(engine.Event{Kind: engine.EventTailCallMissed, CountBefore: 0, Count: 0, Target: -1, Reason: "count spent"})
			break
		}
		add(engine.Event{Kind: engine.EventTailCall, Target: 0, CountBefore: n, Count: n - 1})
	}
	run := &Run{Object: "chain.o", Program: "classifier_0", Engine: "hart", March: "rv64gc_zba_zbb", Scheme: engine.Shared,
		Retired: 1890, Events: r.Events}
	run.Fault = fmt.Sprintf("classifier_0: insn 17 (chain.c:19): access outside guest memory: 4 bytes at %#x", 0x7f000010)
	return run
}
