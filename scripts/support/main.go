// Command support prints what programs find in rivet, as Markdown: every helper
// that Linux has a number for, kfuncs, kinds of maps with the flags that they take,
// and types of programs. docs/SUPPORT.md holds its output.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

func main() {
	var b strings.Builder
	helperTable(&b)
	kfuncTable(&b)
	mapTable(&b)
	typeTable(&b)
	if _, err := os.Stdout.WriteString(b.String()); err != nil {
		fmt.Fprintln(os.Stderr, "support:", err)
		os.Exit(1)
	}
}

// lastHelper is the largest number of enum bpf_func_id.
const lastHelper = 211

func helperTable(b *strings.Builder) {
	have := map[int32]bool{bpf.HelperTailCall: true} // engines compile it
	for _, h := range helpers.Builtin() {
		have[h.ID] = true
	}
	n := 0
	var rows strings.Builder
	for id := int32(1); id <= lastHelper; id++ {
		name := helpers.Name(id)
		if name == "" {
			continue
		}
		state := "missing"
		if have[id] {
			state = "yes"
			n++
		}
		fmt.Fprintf(&rows, "| %d | `bpf_%s` | %s |\n", id, name, state)
	}
	fmt.Fprintf(b, "## Helpers\n\n%d of the %d helpers that Linux numbers. A program that calls another does not load; one written in Go can take its place\n"+
		"(`CollectionOptions.Helpers`).\n\n| number | helper | state |\n| ---: | --- | --- |\n%s", n, lastHelper, rows.String())
}

func kfuncTable(b *strings.Builder) {
	b.WriteString("\n## Kfuncs\n\nLinux has no list of them that would be complete for every configuration; these are there.\n\n")
	for _, h := range helpers.Builtin() {
		if h.ID == 0 {
			fmt.Fprintf(b, "- `%s`\n", h.Name)
		}
	}
}

// flagNames are flags of a definition (enum in linux/bpf.h).
var flagNames = []string{"NO_PREALLOC", "NO_COMMON_LRU", "NUMA_NODE", "RDONLY", "WRONLY", "STACK_BUILD_ID", "ZERO_SEED", "RDONLY_PROG", "WRONLY_PROG",
	"CLONE", "MMAPABLE", "PRESERVE_ELEMS", "INNER_MAP", "LINK", "PATH_FD", "VTYPE_BTF_OBJ_FD", "TOKEN_FD", "SEGV_ON_FAULT", "NO_USER_CONV", "RB_OVERWRITE"}

func mapTable(b *strings.Builder) {
	b.WriteString("\n## Maps\n\nFlags are those of a definition, without `BPF_F_`.\n\n| kind | state | flags |\n| --- | --- | --- |\n")
	for t := ebpf.Hash; !strings.HasPrefix(t.String(), "MapType("); t++ {
		k := maps.KindOf(uint32(t))
		if k == nil {
			fmt.Fprintf(b, "| %v | missing | |\n", t)
			continue
		}
		fmt.Fprintf(b, "| %v | yes | %s |\n", t, strings.Join(flagsOf(k), ", "))
	}
}

// flagsOf tries each flag on a definition that is good without it.
func flagsOf(k *maps.Kind) (names []string) {
	def := goodDefinition(k)
	if def == nil {
		return nil
	}
	required := def.Flags
	for i, name := range flagNames {
		d := *def
		d.Flags ^= 1 << i
		if required&(1<<i) != 0 {
			if k.Check(&d) != nil {
				name += " (must be set)"
			}
			names = append(names, name)
		} else if k.Check(&d) == nil {
			names = append(names, name)
		}
	}
	return names
}

// goodDefinition tries sizes until a kind takes them.
func goodDefinition(k *maps.Kind) *bpf.Map {
	const noPrealloc, mmapable = 1, 1 << 10
	for _, flags := range []uint32{0, noPrealloc, mmapable} {
		for _, key := range []uint32{4, 0, 8, 16} {
			for _, value := range []uint32{8, 4, 0, 16} {
				for _, entries := range []uint32{4096, 1, 0} {
					d := &bpf.Map{Name: "m", Type: uint32(k.Type), KeySize: key, ValueSize: value, MaxEntries: entries, Flags: flags,
						Inner: &bpf.Map{Type: bpf.MapTypeArray, KeySize: 4, ValueSize: 4, MaxEntries: 1}}
					if k.Check(d) == nil {
						return d
					}
				}
			}
		}
	}
	return nil
}

func typeTable(b *strings.Builder) {
	b.WriteString("\n## Program types\n\nWhat R1 points to. *The caller's bytes* are those of `RunOptions.Context`.\n\n| type | context | packet |\n| --- | --- | --- |\n")
	for t := ebpf.SocketFilter; !strings.HasPrefix(t.String(), "ProgramType("); t++ {
		l := progctx.For(t.String())
		name, packet := l.Name, ""
		if l.Size == 0 {
			name = "the caller's bytes"
		}
		if l.Packet {
			packet = "yes"
		}
		fmt.Fprintf(b, "| %v | %s | %s |\n", t, name, packet)
	}
}
