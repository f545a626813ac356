package listing

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes a listing as objdump -S does: source lines, under them the
// BPF instructions, under each its code.
func (l *Listing) WriteText(w io.Writer, color bool) error {
	p := &printer{color: color}
	p.f("%s  %s  tail calls %s  %d bytes, %d instructions\n", l.Object, l.March, l.TailCalls, l.Bytes, l.Insns)
	if len(l.Gate) > 0 {
		p.f("\n%s\n", p.paint(bold, "gate:"))
		p.code(l.Gate)
	}
	for _, f := range l.Funcs {
		p.function(f)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

const (
	bold  = "1"
	dim   = "2"
	green = "32"
	cyan  = "36"
)

type printer struct {
	strings.Builder
	color bool
}

func (p *printer) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *printer) paint(sgr, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func (p *printer) function(f *Func) {
	kind := "subprogram"
	if f.Program != "" {
		kind = f.Program + " program"
	}
	p.f("\n%s  %s, %d BPF instructions, %d bytes, %d instructions\n", p.paint(bold, f.Name+":"), kind, f.BPFInsns, f.Bytes, f.Insns)
	file, line := "", 0
	for _, b := range f.Blocks {
		if b.Line != 0 && (b.Line != line || b.File != file) {
			file, line = b.File, b.Line
			p.f("%s\n", p.paint(green, strings.TrimRight(fmt.Sprintf("; %s:%d  %s", file, line, b.Text), " ")))
		}
		switch b.Kind {
		case KindInsn, KindEpilogue:
			label := fmt.Sprintf("%5d: %s", b.Slot, b.BPF)
			if b.Kind == KindEpilogue {
				label += "  [epilogue]"
			}
			p.line(p.paint(bold, label), label, b.Note, 52)
		case KindStubs: // behind the function's body
			p.f("%s\n", p.paint(bold, stubsLabel(b.Code)))
		default:
			p.f("%s\n", p.paint(bold, "["+b.Kind+"]"))
		}
		p.code(b.Code)
	}
}

// stubsLabel tells stubs that only fault from those that also hold code moved out of the way.
func stubsLabel(code []Insn) string {
	for _, in := range code {
		if in.Note == "" || !strings.HasPrefix(in.Text, "jal") {
			return "[stubs]"
		}
	}
	return "[fault stubs]"
}

func (p *printer) code(list []Insn) {
	for _, in := range list {
		op, args, _ := strings.Cut(in.Text, " ")
		plain := fmt.Sprintf("        %8x:  %-8s  %-8s %s", in.Addr, word(in.Bytes), op, args)
		shown := fmt.Sprintf("        %s  %-8s  %s %s", p.paint(dim, fmt.Sprintf("%8x:", in.Addr)), p.paint(dim, fmt.Sprintf("%-8s", word(in.Bytes))),
			p.paint(cyan, fmt.Sprintf("%-8s", op)), args)
		p.line(shown, plain, in.Note, 64)
	}
}

// line writes a line with its note at a column.
func (p *printer) line(shown, plain, note string, column int) {
	if note != "" {
		shown += strings.Repeat(" ", max(2, column-len(plain))) + p.paint(dim, "# "+note)
	}
	p.f("%s\n", strings.TrimRight(shown, " "))
}

// word turns bytes in the order of memory into the number that they are, as
// RISC-V listings have it (both are little-endian).
func word(bytes string) string {
	var b strings.Builder
	for i := len(bytes) - 2; i >= 0; i -= 2 {
		b.WriteString(bytes[i : i+2])
	}
	return b.String()
}
