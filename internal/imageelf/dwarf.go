package imageelf

import (
	"debug/elf"
	"path"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
)

// Numbers of DWARF 5 (7.5 for tags, attributes and forms; 7.22 for line tables).
const (
	tagCompileUnit = 0x11
	tagSubprogram  = 0x2e

	atName     = 0x03
	atStmtList = 0x10
	atLowPC    = 0x11
	atHighPC   = 0x12
	atLanguage = 0x13
	atCompDir  = 0x1b
	atProducer = 0x25
	atExternal = 0x3f

	formAddr        = 0x01
	formData8       = 0x07
	formString      = 0x08
	formData1       = 0x0b
	formUdata       = 0x0f
	formSecOffset   = 0x17
	formFlagPresent = 0x19
	formLineStrp    = 0x1f

	unitCompile = 0x01
	langC11     = 0x1d

	contentPath      = 0x1
	contentDirectory = 0x2
	contentSource    = 0x2001 // DW_LNCT_LLVM_source

	lnsCopy           = 1
	lnsAdvancePC      = 2
	lnsAdvanceLine    = 3
	lnsSetFile        = 4
	lnsSetPrologueEnd = 10
	lneEndSequence    = 1
	lneSetAddress     = 2

	// A special opcode stands for a step of both pc and line (6.2.5.1).
	lineBase, lineRange, opcodeBase = -5, 14, 13
)

// Abbreviations: what the entries of .debug_info consist of.
const (
	abbrevUnit = 1 + iota
	abbrevGlobal
	abbrevStatic
)

const producer = "rivet"

// debugSections returns the DWARF sections of an image, none when no source line is known.
func debugSections(mod *bpf.Module, im *compile.Image, o *Options) []section {
	t, ok := newLineTable(mod, im, o.Sources.Dir)
	if !ok {
		return nil
	}
	strings := &table{}
	debug := func(name string, data []byte) section {
		return section{name: name, typ: elf.SHT_PROGBITS, align: 1, data: data}
	}
	text := debug(".debug_line_str", nil)
	list := []section{
		debug(".debug_abbrev", abbreviations()),
		debug(".debug_info", debugInfo(mod, im, t)),
		debug(".debug_line", t.encode(im.Base, o.Sources.Texts, strings)),
	}
	text.data, text.flags, text.entry = strings.buffer, elf.SHF_MERGE|elf.SHF_STRINGS, 1
	return append(list, text)
}

// abbreviations is .debug_abbrev (DWARF 5, 7.5.3).
func abbreviations() []byte {
	var b buffer
	entry := func(code, tag uint64, children byte, pairs ...uint64) {
		b.uleb(code)
		b.uleb(tag)
		b.u8(children)
		for _, p := range pairs {
			b.uleb(p)
		}
		b.u8(0, 0)
	}
	entry(abbrevUnit, tagCompileUnit, 1, atProducer, formString, atLanguage, formData1, atName, formString, atCompDir, formString,
		atLowPC, formAddr, atHighPC, formData8, atStmtList, formSecOffset)
	entry(abbrevGlobal, tagSubprogram, 0, atName, formString, atLowPC, formAddr, atHighPC, formData8, atExternal, formFlagPresent)
	entry(abbrevStatic, tagSubprogram, 0, atName, formString, atLowPC, formAddr, atHighPC, formData8)
	b.u8(0)
	return b
}

// debugInfo is .debug_info: one unit with a subprogram for each function (DWARF 5, 7.5.1.1).
// BTF does not tell which unit a function was compiled in.
func debugInfo(mod *bpf.Module, im *compile.Image, t *lineTable) []byte {
	var b buffer
	done := b.length()
	b.u16(5)
	b.u8(unitCompile, 8)
	b.u32(0) // abbreviations
	b.uleb(abbrevUnit)
	b.cstr(producer)
	b.u8(langC11)
	b.cstr(path.Clean(t.files[0].recorded))
	b.cstr(t.dirs[0])
	b.u64(im.Base + uint64(t.from))
	b.u64(uint64(t.to - t.from))
	b.u32(0) // line table
	for i, c := range im.Funcs {
		if mod.Funcs[i].Entry {
			b.uleb(abbrevGlobal)
		} else {
			b.uleb(abbrevStatic)
		}
		b.cstr(mod.Funcs[i].Name)
		b.u64(im.Base + uint64(c.Entry))
		b.u64(uint64(c.End - c.Entry))
	}
	b.u8(0)
	done()
	return b
}

// encode is .debug_line (DWARF 5, 6.2.4): header and program.
func (t *lineTable) encode(base uint64, sources map[string]string, strings *table) []byte {
	var b buffer
	done := b.length()
	b.u16(5)
	b.u8(8, 0) // size of an address, of a segment selector
	headerDone := b.length()
	b.u8(1, 1, 1, byte(lineBase&0xff), lineRange, opcodeBase)
	b.u8(0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1) // operands of the standard opcodes
	b.u8(1)
	b.uleb(contentPath)
	b.uleb(formLineStrp)
	b.uleb(uint64(len(t.dirs)))
	for _, d := range t.dirs {
		b.u32(strings.add(d))
	}
	t.encodeFiles(&b, sources, strings)
	headerDone()
	t.program(&b, base)
	done()
	return b
}

func (t *lineTable) encodeFiles(b *buffer, sources map[string]string, strings *table) {
	pairs := []uint64{contentPath, formLineStrp, contentDirectory, formUdata}
	if len(sources) > 0 {
		pairs = append(pairs, contentSource, formLineStrp)
	}
	b.u8(byte(len(pairs) / 2))
	for _, p := range pairs {
		b.uleb(p)
	}
	b.uleb(uint64(len(t.files)))
	for _, f := range t.files {
		b.u32(strings.add(f.name))
		b.uleb(uint64(f.dir))
		if len(sources) > 0 {
			b.u32(strings.add(sources[f.recorded]))
		}
	}
}

// program writes the line program, one sequence for the whole image.
func (t *lineTable) program(b *buffer, base uint64) {
	b.u8(0, 9, lneSetAddress)
	b.u64(base + uint64(t.from))
	pc, line, file := t.from, 1, 1 // what a sequence begins with (6.2.2)
	for _, r := range t.rows {
		if r.line != 0 && r.file != file {
			file = r.file
			b.u8(lnsSetFile)
			b.uleb(uint64(file))
		}
		if r.prologueEnd {
			b.u8(lnsSetPrologueEnd)
		}
		step(b, uint64(r.pc-pc), int64(r.line-line))
		pc, line = r.pc, r.line
	}
	b.u8(lnsAdvancePC)
	b.uleb(uint64(t.to - pc))
	b.u8(0, 1, lneEndSequence)
}

// step advances pc and line and appends a row.
func step(b *buffer, pc uint64, line int64) {
	if line < lineBase || line >= lineBase+lineRange {
		b.u8(lnsAdvanceLine)
		b.sleb(line)
		line = 0
	}
	if pc > (255-opcodeBase-uint64(line-lineBase))/lineRange {
		b.u8(lnsAdvancePC)
		b.uleb(pc)
		pc = 0
	}
	if pc == 0 && line == 0 {
		b.u8(lnsCopy)
		return
	}
	b.u8(byte(uint64(line-lineBase) + lineRange*pc + opcodeBase))
}
