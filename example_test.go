package rivet_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// A clang object runs: its entry tail-calls through the program array jump from
// inside a subprogram.
func Example() {
	spec, err := ebpf.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollection(spec)
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()

	// Byte 0 of the packet is the slot that the program jumps to. Slot 0 is empty.
	ret, err := coll.Programs["entry"].Run(&rivet.RunOptions{Data: []byte{0}})
	fmt.Println(ret, err)
	if err := coll.Maps["jump"].Put(uint32(0), coll.Programs["other"]); err != nil {
		log.Fatal(err)
	}
	ret, err = coll.Programs["entry"].Run(&rivet.RunOptions{Data: []byte{0}})
	fmt.Println(ret, err)

	var count uint64
	if err := coll.Maps["counts"].Lookup(uint32(0), &count); err != nil {
		log.Fatal(err)
	}
	fmt.Println("runs:", count)
	// Output:
	// 1001 <nil>
	// 1200 <nil>
	// runs: 2
}

// Structs with tags, such as bpf2go generates, get what they name, and only that is loaded.
func ExampleCollectionSpec_LoadAndAssign() {
	spec, err := rivet.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	var objs struct {
		Entry  *rivet.Program `ebpf:"entry"`
		Other  *rivet.Program `ebpf:"other"`
		Jump   *rivet.Map     `ebpf:"jump"`
		Counts *rivet.Map     `ebpf:"counts"`
	}
	if err := spec.LoadAndAssign(&objs, nil); err != nil {
		log.Fatal(err)
	}
	defer objs.Entry.Close()
	defer objs.Other.Close()

	if err := objs.Jump.Put(uint32(3), objs.Other); err != nil {
		log.Fatal(err)
	}
	verdict, _, err := objs.Entry.Test([]byte{3})
	fmt.Println(verdict, err)
	// Output: 1200 <nil>
}

// Lines of the source that were executed are counted when asked.
func ExampleCollection_Coverage() {
	spec, err := rivet.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Coverage: true})
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	for range 3 {
		if _, err := coll.Programs["print"].Run(nil); err != nil {
			log.Fatal(err)
		}
	}
	for _, l := range coll.Coverage() {
		if l.Function == "print" {
			fmt.Println(l.Count, strings.TrimSpace(l.Text))
		}
	}
	// Output:
	// 3 SEC("xdp") int print(struct xdp_md *ctx)
	// 3 char who[8] = "world";
	// 3 return bpf_printk("hello %s %d %x", who, -5, 255);
	// 3 return bpf_printk("hello %s %d %x", who, -5, 255);
}

// A program that does what it must not ends its own run, with the source line at fault.
func ExampleFault() {
	spec, err := ebpf.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollection(spec)
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	_, err = coll.Programs["wild"].Run(nil)
	var fault *rivet.Fault
	if errors.As(err, &fault) {
		fmt.Printf("%v at %#x: %s\n", fault.Kind, fault.Addr, fault.Text)
	}
	// Output: access outside guest memory at 0x10: return *(volatile __u32 *)16;
}

// Helpers and kfuncs are Go functions. Pointers and lengths are checked before
// they run.
func ExampleHelper() {
	spec, err := ebpf.LoadCollectionSpec("testdata/face/calls.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Helpers: []rivet.Helper{
		{ID: 5000, Name: "sum",
			Args: []rivet.Arg{{Name: "data", Kind: rivet.ArgMem}, {Name: "size", Kind: rivet.ArgSize}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				var sum uint64
				for _, b := range c.Bytes(0) {
					sum += uint64(b)
				}
				return sum, nil
			}},
		{ID: 5001, Name: "apply", // calls a function of the program
			Args: []rivet.Arg{{Name: "fn", Kind: rivet.ArgFunc}, {Name: "n", Kind: rivet.ArgScalar}},
			Func: func(c *rivet.HelperCall) (uint64, error) { return c.Call(c.Arg(0), c.Arg(1), 100) }},
		{Name: "parse_name",
			Args: []rivet.Arg{{Name: "out", Kind: rivet.ArgMemOut, Size: 8}, {Name: "name", Kind: rivet.ArgMem}, {Name: "size", Kind: rivet.ArgSize}},
			Func: func(c *rivet.HelperCall) (uint64, error) {
				binary.LittleEndian.PutUint64(c.Bytes(0), uint64(len(c.Bytes(1))))
				return 0, nil
			}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	fmt.Println(coll.Programs["user"].Run(nil))
	fmt.Println(coll.Programs["callback"].Run(nil))
	// Output:
	// 1005 <nil>
	// 114 <nil>
}

// Every step of the flow can be followed, except in native code.
func ExampleRunOptions_trace() {
	spec, err := ebpf.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{Engine: rivet.EngineHart})
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	_, err = coll.Programs["entry"].Run(&rivet.RunOptions{Data: []byte{1}, Trace: func(e rivet.TraceEvent) {
		if e.Event != "helper" {
			fmt.Printf("%s: %s -> %q\n", e.Event, e.Function, e.Target)
		}
	}})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// entry: entry -> ""
	// call: entry -> "leap"
	// tail_call: leap -> "count"
	// return: entry -> "count"
	// exit: entry -> ""
}

// Bytecode that comes without an object runs too.
func ExampleNewRawProgram() {
	code := []byte{
		0x71, 0x10, 0, 0, 0, 0, 0, 0, // r0 = *(u8 *)(r1 + 0)
		0x0f, 0x20, 0, 0, 0, 0, 0, 0, // r0 += r2
		0x95, 0x00, 0, 0, 0, 0, 0, 0, // exit
	}
	prog, err := rivet.NewRawProgram("demo", code, rivet.CollectionOptions{Engine: rivet.EngineInterp})
	if err != nil {
		log.Fatal(err)
	}
	defer prog.Close()
	fmt.Println(prog.Run(&rivet.RunOptions{Data: []byte{40, 0}}))
	// Output: 42 <nil>
}

// What programs print with bpf_trace_printk goes to a writer.
func ExampleCollectionOptions_tracePrintk() {
	spec, err := ebpf.LoadCollectionSpec("testdata/face/basic.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, rivet.CollectionOptions{TracePrintk: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	if _, err := coll.Programs["print"].Run(nil); err != nil {
		log.Fatal(err)
	}
	// Output: hello world -5 ff
}

// Specs need no object file.
func ExampleNewCollection() {
	coll, err := rivet.NewCollection(&ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"hits": {Name: "hits", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			"pass": {Name: "pass", Type: ebpf.XDP, Instructions: asm.Instructions{
				asm.LoadMapValue(asm.R1, 0, 0).WithReference("hits"),
				asm.Mov.Imm(asm.R2, 1),
				asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
				asm.Mov.Imm(asm.R0, 2), // XDP_PASS
				asm.Return(),
			}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	verdict, err := coll.Programs["pass"].Run(&rivet.RunOptions{Repeat: 5})
	hits, _ := coll.Maps["hits"].LookupBytes(uint32(0))
	fmt.Println(verdict, err, hits)
	// Output: 2 <nil> [5 0 0 0 0 0 0 0]
}
