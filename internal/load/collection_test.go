package load

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

func readSpec(t testing.TB, name string) *ebpf.CollectionSpec {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".o"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spec, err := ELF(f)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func loadObject(t testing.TB, name string, opts Options) (*bpf.Module, *Info) {
	t.Helper()
	m, info, err := CollectionWithOptions(readSpec(t, name), opts)
	if err != nil {
		t.Fatal(err)
	}
	return m, info
}

// entry returns the function of a program.
func entry(t testing.TB, m *bpf.Module, info *Info, program string) *bpf.Func {
	t.Helper()
	i, ok := info.ProgramIndex[program]
	if !ok {
		t.Fatalf("no program %q", program)
	}
	if p := m.Programs[i]; p.Name != program {
		t.Fatalf("program %d is %q, want %q", i, p.Name, program)
	}
	return m.Funcs[m.Programs[i].Func]
}

// calls returns the names of the functions that f names, in order.
func calls(m *bpf.Module, f *bpf.Func) (names []string) {
	for _, in := range f.Insns {
		if isFuncRef(&in) {
			names = append(names, m.Funcs[in.Imm].Name)
		}
	}
	return names
}

func TestSubprograms(t *testing.T) {
	m, info := loadObject(t, "subprogs", Options{})
	first, second := entry(t, m, info, "first"), entry(t, m, info, "second")
	if got, want := calls(m, first), []string{"middle", "jumps", "elsewhere"}; !slices.Equal(got, want) {
		t.Errorf("first calls %v, want %v", got, want)
	}
	if got, want := calls(m, second), []string{"middle", "leaf"}; !slices.Equal(got, want) {
		t.Errorf("second calls %v, want %v", got, want)
	}
	count := map[string]int{}
	for _, f := range m.Funcs {
		count[f.Name]++
	}
	// elsewhere is an entry point of its own and a subprogram of first.
	for name, want := range map[string]int{"leaf": 1, "middle": 1, "jumps": 1, "elsewhere": 2, "first": 1, "second": 1} {
		if count[name] != want {
			t.Errorf("%s is there %d times, want %d", name, count[name], want)
		}
	}
	if !first.ReachTailCall || first.HasTailCall || second.ReachTailCall {
		t.Errorf("tail call reached from first %v, made in first %v, reached from second %v",
			first.ReachTailCall, first.HasTailCall, second.ReachTailCall)
	}
	if p := m.Programs[info.ProgramIndex["first"]]; p.Type != "XDP" || p.Section != "xdp" {
		t.Errorf("type %q, section %q", p.Type, p.Section)
	}
	jmp := m.Maps[info.MapIndex["jmp_table"]]
	if jmp.Type != bpf.MapTypeProgArray || jmp.MaxEntries != 3 {
		t.Errorf("jmp_table is %+v", jmp)
	}
	kv := info.MapSpecs[info.MapIndex["jmp_table"]].Contents
	if len(kv) != 2 || kv[0].Key != uint32(0) || kv[0].Value != "second" || kv[1].Key != uint32(2) {
		t.Errorf("jmp_table holds %v", kv)
	}
}

func TestCallbacks(t *testing.T) {
	m, info := loadObject(t, "callback", Options{})
	loops, indirect := entry(t, m, info, "loops"), entry(t, m, info, "indirect")
	if got := calls(m, loops); !slices.Equal(got, []string{"add"}) {
		t.Errorf("loops refers to %v", got)
	}
	if got := calls(m, indirect); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"five", "triple"}) {
		t.Errorf("indirect refers to %v", got)
	}
	i := slices.IndexFunc(indirect.Insns, func(in bpf.Insn) bool { return in.Op == bpf.OpCallX })
	if i < 0 || indirect.Insns[i].Imm != 0 || indirect.Insns[i].Dst == 0 {
		t.Errorf("no indirect call with its register in dst:\n%s", describe(indirect.Insns))
	}
	for _, f := range m.Funcs {
		if f.AddrTaken == f.Entry {
			t.Errorf("%s: entry %v, address taken %v", f.Name, f.Entry, f.AddrTaken)
		}
	}
	if i := slices.IndexFunc(loops.Insns, func(in bpf.Insn) bool { return in.IsLDDW() && in.Src == bpf.LoadFunc }); i < 0 || loops.Insns[i+1].Imm != 0 {
		t.Error("the upper half of the function reference is not 0")
	}
}

func TestGlobals(t *testing.T) {
	m, info := loadObject(t, "globals", Options{})
	var names []string
	for i, s := range info.MapSpecs {
		name := m.Maps[i].Name
		names = append(names, name)
		if info.MapIndex[name] != i || m.Maps[i].ValueSize != s.ValueSize || m.Maps[i].Type != uint32(s.Type) {
			t.Errorf("map %d: %+v and %+v", i, m.Maps[i], s)
		}
	}
	if want := []string{".bss", ".data", ".data.special", ".rodata", "hash"}; !slices.Equal(names, want) {
		t.Errorf("maps %v, want %v", names, want)
	}
	spec := readSpec(t, "globals")
	f := entry(t, m, info, "globals")
	seen := map[string]bool{}
	for pc, in := range f.Insns {
		switch {
		case !in.IsLDDW():
		case in.Src == bpf.LoadMapValue:
			seen[names[in.Imm]] = true
			off := uint32(f.Insns[pc+1].Imm)
			for _, v := range spec.Variables {
				if v.SectionName == names[in.Imm] && v.Name == "counter" && off == v.Offset {
					seen["counter"] = true
				}
			}
		case in.Src == bpf.LoadMap:
			seen[names[in.Imm]] = true
		}
	}
	for _, name := range append(names, "counter") {
		if !seen[name] {
			t.Errorf("no reference to %s", name)
		}
	}
}

func TestLines(t *testing.T) {
	m, info := loadObject(t, "subprogs", Options{})
	f := entry(t, m, info, "first")
	call := slices.IndexFunc(f.Insns, func(in bpf.Insn) bool { return isFuncRef(&in) })
	l, ok := f.LineAt(call)
	if !ok || filepath.Base(l.File) != "subprogs.c" || !strings.Contains(l.Text, "middle(ctx, 1)") {
		t.Errorf("line %+v", l)
	}
	src, err := os.ReadFile("testdata/subprogs.c")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Split(string(src), "\n")
	for _, f := range m.Funcs {
		if len(f.Lines) == 0 || f.Lines[0].Insn != 0 {
			t.Errorf("%s: lines %+v", f.Name, f.Lines)
		}
		for _, l := range f.Lines {
			if l.Insn < 0 || l.Insn >= len(f.Insns) || strings.TrimSpace(text[l.Num-1]) != strings.TrimSpace(l.Text) {
				t.Errorf("%s: %+v; the file has %q", f.Name, l, text[l.Num-1])
			}
		}
	}
}

// TestCORE relocates against the object's own types and against others.
func TestCORE(t *testing.T) {
	loads := func(m *bpf.Module, info *Info, program string) (offs []int16) {
		for pc, in := range entry(t, m, info, program).Insns {
			if in.Class() == bpf.ClassLDX && pc > 0 { // the first reads the context
				offs = append(offs, in.Off)
			}
		}
		return offs
	}
	m, info := loadObject(t, "core", Options{})
	if offs := loads(m, info, "relocated"); !slices.Equal(offs, []int16{4}) {
		t.Errorf("own types: tgid at %v, want 4", offs)
	}
	if offs := loads(m, info, "missing"); !slices.Equal(offs, []int16{0, 0}) {
		t.Errorf("own types: loads at %v, want 0 (data) and 0 (field)", offs)
	}

	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	integer := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	b, err := btf.NewBuilder([]btf.Type{&btf.Struct{Name: "task_struct", Size: 64, Members: []btf.Member{
		{Name: "a", Type: long}, {Name: "tgid", Type: integer, Offset: 40 * 8}, {Name: "pid", Type: integer, Offset: 48 * 8}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	types, err := btf.LoadSpecFromReader(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	m, info = loadObject(t, "core", Options{KernelTypes: types})
	if offs := loads(m, info, "relocated"); !slices.Equal(offs, []int16{40}) {
		t.Errorf("other types: tgid at %v, want 40", offs)
	}
	f := entry(t, m, info, "missing")
	i := slices.IndexFunc(f.Insns, func(in bpf.Insn) bool { return in.Op == bpf.OpCall && in.Imm == PoisonHelper })
	if i < 0 {
		t.Fatalf("no poisoned instruction:\n%s", describe(f.Insns))
	}
	if l, ok := f.LineAt(i); !ok || !strings.Contains(l.Text, "n->field") {
		t.Errorf("line of the poisoned instruction: %+v", l)
	}
}

// TestCOREOwnTypes holds the claim that relocating an object against its own
// types changes nothing.
func TestCOREOwnTypes(t *testing.T) {
	spec := readSpec(t, "core")
	plain, _, err := Collection(spec)
	if err != nil {
		t.Fatal(err)
	}
	relocated, _, err := CollectionWithOptions(spec, Options{KernelTypes: spec.Types})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range plain.Funcs {
		if !slices.Equal(f.Insns, relocated.Funcs[i].Insns) {
			t.Errorf("%s:\n%s%s", f.Name, describe(f.Insns), describe(relocated.Funcs[i].Insns))
		}
	}
}

func TestV4(t *testing.T) {
	m, info := loadObject(t, "v4", Options{})
	seen := map[string]bool{}
	for _, f := range []string{"v4", "far"} {
		for _, in := range entry(t, m, info, f).Insns {
			switch {
			case in.Class() == bpf.ClassLDX && in.Mode() == bpf.ModeMEMSX:
				seen["ldsx"] = true
			case in.Class()&^3 == 4 && in.ALUOp() == bpf.ALUDiv && in.Off == 1 && in.Class() == bpf.ClassALU64:
				seen["sdiv"] = true
			case in.Class() == bpf.ClassALU && in.ALUOp() == bpf.ALUMod && in.Off == 1:
				seen["smod32"] = true
			case in.Op == bpf.OpMovX && in.Off == 8:
				seen["movsx8"] = true
			case in.Op == bpf.OpMovX && in.Off == 16:
				seen["movsx16"] = true
			case in.Op == bpf.OpMovX && in.Off == 32:
				seen["movsx32"] = true
			case in.Op == bpf.ClassALU64|bpf.ALUEnd && in.Imm == 64:
				seen["bswap64"] = true
			case in.Op == bpf.OpGotol && in.Imm == 1:
				seen["gotol"] = true
			case in.Op == bpf.OpAtomDW && in.Imm&^bpf.AtomicFetch == bpf.AtomicAdd:
				seen["atomic"] = true
			}
		}
	}
	for _, want := range []string{"ldsx", "sdiv", "smod32", "movsx8", "movsx16", "movsx32", "bswap64", "gotol", "atomic"} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
}

func TestExterns(t *testing.T) {
	opts := Options{
		HaveKfunc: func(name string) bool { return name == "rivet_known" },
		Ksyms:     map[string]uint64{"rivet_needed": 0xffffffff81000010},
		Kconfig: map[string]string{"LINUX_KERNEL_VERSION": "0x60105", "CONFIG_RIVET": "y",
			"CONFIG_RIVET_NUMBER": "-3", "CONFIG_RIVET_NAME": `"abcdefghij"`},
	}
	m, info := loadObject(t, "extern", opts)
	if !slices.Equal(m.Kfuncs, []string{"rivet_known"}) {
		t.Errorf("kfuncs %v", m.Kfuncs)
	}
	var zeros, poison int
	for pc, in := range entry(t, m, info, "calls").Insns {
		if in.IsLDDW() && in.Imm == 0 && entry(t, m, info, "calls").Insns[pc+1].Imm == 0 {
			zeros++
		}
		if in.Op == bpf.OpCall && in.Src == bpf.CallHelper && in.Imm == PoisonHelper {
			poison++
		}
	}
	if zeros != 2 || poison != 1 {
		t.Errorf("%d addresses of 0, %d poisoned calls; want 2 and 1", zeros, poison)
	}
	if f := entry(t, m, info, "needs"); bpf.Imm64(f.Insns[0], f.Insns[1]) != 0xffffffff81000010 {
		t.Errorf("address:\n%s", describe(f.Insns))
	}
	kconfig := info.MapSpecs[info.MapIndex[".kconfig"]]
	data := kconfig.Contents[0].Value.([]byte)
	for _, v := range kconfig.Value.(*btf.Datasec).Vars {
		want := map[string]string{"LINUX_KERNEL_VERSION": "\x05\x01\x06\x00", "CONFIG_RIVET": "\x01",
			"CONFIG_RIVET_NUMBER": "\xfd\xff\xff\xff", "CONFIG_RIVET_NAME": "abcdefg\x00"}[v.Type.TypeName()]
		if got := string(data[v.Offset : v.Offset+v.Size]); got != want {
			t.Errorf("%s is %q, want %q", v.Type.TypeName(), got, want)
		}
	}

	_, _, err := Collection(readSpec(t, "extern"))
	wantError(t, err, `program "config": function "config": insn 0 (./extern.c:`)
	wantError(t, err, "kconfig variable CONFIG_RIVET: ")
	opts.KeepGoing, opts.Ksyms, opts.HaveKfunc = true, nil, nil
	m, info = loadObject(t, "extern", opts)
	wantError(t, info.Errors["needs"], `address of kernel variable "rivet_needed": it is unknown and not declared __weak`)
	if !slices.Equal(m.Kfuncs, []string{"rivet_known", "rivet_maybe"}) {
		t.Errorf("kfuncs %v", m.Kfuncs)
	}
	opts.HaveKfunc = func(string) bool { return false }
	_, info = loadObject(t, "extern", opts)
	if err := info.Errors["calls"]; err != nil {
		t.Errorf("a call of a kfunc that nobody has is for engines to refuse: %v", err)
	}
}

func TestKeepGoing(t *testing.T) {
	_, _, err := Collection(readSpec(t, "bad"))
	var pe *ProgramError
	if !errors.As(err, &pe) || pe.Program != "declared" {
		t.Errorf("error %v", err)
	}
	m, info := loadObject(t, "bad", Options{KeepGoing: true})
	if len(m.Programs) != 1 || m.Programs[0].Name != "good" || info.ProgramSpecs[0].Name != "good" {
		t.Errorf("programs %+v", m.Programs)
	}
	wantError(t, info.Errors["declared"], `function "undefined_here" is declared but has no body`)
	wantError(t, info.Errors["recursive"], `program "recursive": recursion is not allowed: recurse calls recurse`)
	wantError(t, info.Errors["huge"], "stack of 544 bytes: at most 512 are allowed: huge calls wide")
}

// TestConvert takes programs made with package asm, whose opcodes hold more
// than the instruction set's.
func TestConvert(t *testing.T) {
	progs := func(insns ...asm.Instruction) *ebpf.CollectionSpec {
		insns = append(insns, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
		return &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
			"p": {Name: "p", Type: ebpf.SchedCLS, Instructions: insns}}}
	}
	castTo := asm.Mov.Reg(asm.R1, asm.R2)
	castTo.Offset = 1 // addr_space_cast, which Marshal forgets
	castFrom := castTo
	castFrom.Constant = 1
	twice := asm.SDiv.Reg(asm.R1, asm.R2)
	twice.Offset = 1
	wide := asm.Add.Imm(asm.R1, 0)
	wide.Constant = 1 << 33
	for _, c := range []struct {
		name string
		in   asm.Instruction
		want bpf.Insn
		err  string
	}{
		{"sdiv", asm.SDiv.Imm(asm.R1, 3), bpf.Insn{Op: 0x37, Dst: 1, Off: 1, Imm: 3}, ""},
		{"smod32", asm.SMod.Reg32(asm.R1, asm.R2), bpf.Insn{Op: 0x9c, Dst: 1, Src: 2, Off: 1}, ""},
		{"movsx8", asm.MovSX8.Reg(asm.R1, asm.R2), bpf.Insn{Op: 0xbf, Dst: 1, Src: 2, Off: 8}, ""},
		{"movsx16", asm.MovSX16.Reg32(asm.R1, asm.R2), bpf.Insn{Op: 0xbc, Dst: 1, Src: 2, Off: 16}, ""},
		{"movsx32", asm.MovSX32.Reg(asm.R1, asm.R2), bpf.Insn{Op: 0xbf, Dst: 1, Src: 2, Off: 32}, ""},
		{"xchg", asm.Xchg.Mem(asm.R1, asm.R2, asm.DWord, 8), bpf.Insn{Op: 0xdb, Dst: 1, Src: 2, Off: 8, Imm: 0xe1}, ""},
		{"fetch and", asm.FetchAnd.Mem(asm.R1, asm.R2, asm.Word, 8), bpf.Insn{Op: 0xc3, Dst: 1, Src: 2, Off: 8, Imm: 0x51}, ""},
		{"load-acquire", asm.LoadAcquire(asm.R1, asm.R2, asm.Half, -8), bpf.Insn{Op: 0xcb, Dst: 1, Src: 2, Off: -8, Imm: 0x100}, ""},
		{"store-release", asm.StoreRelease(asm.R1, asm.R2, asm.Byte, 4), bpf.Insn{Op: 0xd3, Dst: 1, Src: 2, Off: 4, Imm: 0x110}, ""},
		{"bswap", asm.BSwap(asm.R1, asm.Word), bpf.Insn{Op: 0xd7, Dst: 1, Imm: 32}, ""},
		{"gotol", asm.LongJump("out"), bpf.Insn{Op: 0x06}, ""},
		{"branch", asm.JSLT.Imm(asm.R1, -5, "out"), bpf.Insn{Op: 0xc5, Dst: 1, Imm: -5}, ""},
		{"helper", asm.FnKtimeGetNs.Call(), bpf.Insn{Op: 0x85, Imm: 5}, ""},
		{"unsigned immediate", asm.Instruction{OpCode: 0xb7, Constant: 0xffffffff}, bpf.Insn{Op: 0xb7, Imm: -1}, ""},
		{"addr_space_cast", castTo, bpf.Insn{}, "insn 0 [bf 21 01 00 00 00 00 00]: addr_space_cast with imm 0x0"},
		{"cast to address space 0", castFrom, bpf.Insn{Op: 0xbc, Dst: 1, Src: 2}, ""},
		{"symbol of inline assembly", asm.LoadImm(asm.R1, 77, asm.DWord).WithReference("MY_CONST"), bpf.Insn{Op: 0x18, Dst: 1, Imm: 77}, ""},
		{"offset twice", twice, bpf.Insn{}, "offset is 1, must be 0"},
		{"wide immediate", wide, bpf.Insn{}, "immediate 0x200000000 does not fit 32 bits"},
		{"invalid opcode", asm.Instruction{OpCode: asm.InvalidOpCode}, bpf.Insn{}, "unknown operation"},
		{"no label", asm.JEq.Imm(asm.R1, 0, "nowhere"), bpf.Insn{}, `insn 0 [15 01 ff ff 00 00 00 00]: there is no symbol "nowhere"`},
		{"no map", asm.LoadMapPtr(asm.R1, 0).WithReference("m"), bpf.Insn{}, `there is no map "m"`},
		{"map by number", asm.LoadMapPtr(asm.R1, 7), bpf.Insn{}, "map reference without a name"},
		{"big register", asm.Instruction{OpCode: 0xb7, Dst: 17}, bpf.Insn{}, "there is no register r17"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _, err := Collection(progs(c.in))
			wantError(t, err, c.err)
			if err == nil && m.Funcs[0].Insns[0] != c.want {
				t.Errorf("%+v, want %+v", m.Funcs[0].Insns[0], c.want)
			}
		})
	}
}

// TestSpecUnchanged loads one spec twice: what a spec holds is the caller's.
func TestSpecUnchanged(t *testing.T) {
	for _, name := range []string{"subprogs", "callback", "globals", "core", "v4"} {
		spec := readSpec(t, name)
		a, _, err := Collection(spec)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := Collection(spec)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Funcs {
			if !slices.Equal(a.Funcs[i].Insns, b.Funcs[i].Insns) {
				t.Errorf("%s: %s differs the second time", name, a.Funcs[i].Name)
			}
		}
	}
}

func TestWrongSpecs(t *testing.T) {
	_, _, err := Collection(nil)
	wantError(t, err, "spec is nil")
	_, _, err = Collection(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": nil}})
	wantError(t, err, `program "p": its spec is nil`)
	_, _, err = Collection(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {}}})
	wantError(t, err, `program "p": there are no instructions`)
	_, _, err = Collection(&ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{"m": nil}})
	wantError(t, err, `map "m": its spec is nil`)
	if m, _, err := Collection(&ebpf.CollectionSpec{}); err != nil || len(m.Programs) != 0 {
		t.Errorf("empty spec: %v, %v", m, err)
	}
}
