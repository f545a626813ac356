package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseError says where a text is not what the parser expects.
type ParseError struct {
	Line, Col int // from 1; columns count bytes
	Msg       string
}

func (e *ParseError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg) }

// Parse reads functions in the text form; see [Func.String]. A semicolon
// starts a comment. The text need only be well formed: that it makes sense is
// for [Verify] to say. Instructions without a number get the free numbers in
// the order of the text.
func Parse(text string) ([]*Func, error) {
	p := &parser{src: text, line: 1}
	var funcs []*Func
	for p.skipLines(); p.err == nil && p.pos < len(p.src); p.skipLines() {
		if f := p.function(); p.err == nil {
			funcs = append(funcs, f)
		}
	}
	if p.err == nil && len(funcs) == 0 {
		p.expected(`a function: func "name" #index {`)
	}
	if p.err != nil {
		return nil, p.err
	}
	return funcs, nil
}

// parser keeps the first error; after one every method is a no-op that gives
// zero values, so loops ask for p.err and nothing else does.
type parser struct {
	src   string
	pos   int
	line  int
	start int // of the line
	err   error

	f       *Func
	defined []bool       // numbers given in the text
	unnamed []pendingRef // instructions without a number: where they stand in their block
	uses    []use        // values named as operands, to be looked up at the end
	blocks  []use        // blocks named
}

type pendingRef struct {
	block, index int
	in           Instr
}

type use struct {
	n         int32
	line, col int
}

func (p *parser) fail(line, col int, format string, args ...any) {
	if p.err == nil {
		p.err = &ParseError{line, col, fmt.Sprintf(format, args...)}
	}
}

func (p *parser) col() int { return p.pos - p.start + 1 }

// expected reports what stands at the current place instead of what.
func (p *parser) expected(what string) {
	p.blanks()
	got := "the end of the text"
	if p.pos < len(p.src) {
		rest := p.src[p.pos:]
		if rest[0] == '\n' {
			got = "the end of the line"
		} else {
			n := 1
			for n < len(rest) && n < 20 && isWord(rest[0]) && isWord(rest[n]) {
				n++
			}
			got = strconv.Quote(rest[:n])
		}
	}
	p.fail(p.line, p.col(), "expected %s, found %s", what, got)
}

func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// blanks skips blanks and a comment, but no line end.
func (p *parser) blanks() {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == ';':
			for p.pos < len(p.src) && p.src[p.pos] != '\n' {
				p.pos++
			}
		default:
			return
		}
	}
}

func (p *parser) skipLines() {
	for p.blanks(); p.pos < len(p.src) && p.src[p.pos] == '\n'; p.blanks() {
		p.pos++
		p.line++
		p.start = p.pos
	}
}

func (p *parser) endLine() {
	p.blanks()
	if p.err == nil && p.pos < len(p.src) && p.src[p.pos] != '\n' {
		p.expected("the end of the line")
	}
	p.skipLines()
}

// accept skips punctuation s if it stands here.
func (p *parser) accept(s string) bool {
	p.blanks()
	if p.err != nil || !strings.HasPrefix(p.src[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *parser) want(s string) {
	if p.err == nil && !p.accept(s) {
		p.expected(strconv.Quote(s))
	}
}

// word reads lower-case letters, digits and underscores; "" when there are none.
func (p *parser) word() string {
	p.blanks()
	from := p.pos
	for p.err == nil && p.pos < len(p.src) && isWord(p.src[p.pos]) {
		p.pos++
	}
	return p.src[from:p.pos]
}

// numbered reads a word such as v12 or map3: prefix and a number below limit.
func (p *parser) numbered(prefix, what string, limit int) int32 {
	p.blanks()
	from := p.pos
	w := p.word()
	digits, ok := strings.CutPrefix(w, prefix)
	n, err := strconv.ParseInt(digits, 10, 32)
	if p.err != nil {
		return 0
	}
	if !ok || !isDigits(digits) || err != nil {
		p.pos = from
		p.expected(what)
		return 0
	}
	if int(n) >= limit {
		p.fail(p.line, from-p.start+1, "%s is out of range: the limit here is %s%d", w, prefix, limit-1)
		return 0
	}
	return int32(n)
}

// number reads a decimal or 0x number that fits into 64 bits.
func (p *parser) number() int64 {
	p.blanks()
	from := p.pos
	if p.err == nil && p.pos < len(p.src) && (p.src[p.pos] == '-' || p.src[p.pos] == '+') {
		p.pos++
	}
	p.word()
	if p.err != nil {
		return 0
	}
	tok := p.src[from:p.pos]
	if n, err := strconv.ParseInt(tok, 0, 64); err == nil {
		return n
	}
	n, err := strconv.ParseUint(tok, 0, 64)
	if err != nil {
		p.pos = from
		p.expected("a number of 64 bits")
	}
	return int64(n)
}

func (p *parser) number32() int32 {
	p.blanks()
	line, col := p.line, p.col()
	n := p.number()
	if int64(int32(n)) != n {
		p.fail(line, col, "%d does not fit into 32 bits", n)
	}
	return int32(n)
}

// maxBlocks keeps references to blocks within what the text can define: a
// block takes more than one byte.
func (p *parser) maxBlocks() int { return len(p.src) + 1 }

// maxValues allows the gaps that removed instructions leave, in proportion to
// the text, so that a few bytes cannot ask for gigabytes.
func (p *parser) maxValues() int { return len(p.src) + 64 }

func (p *parser) value() Value {
	p.blanks()
	u := use{line: p.line, col: p.col()}
	u.n = p.numbered("v", "a value: v1, v2, …", p.maxValues())
	if p.err == nil {
		p.uses = append(p.uses, u)
	}
	return Value(u.n)
}

func (p *parser) blockRef() int32 {
	p.blanks()
	u := use{line: p.line, col: p.col()}
	u.n = p.numbered("b", "a block: b0, b1, …", p.maxBlocks())
	if p.err == nil {
		p.blocks = append(p.blocks, u)
	}
	return u.n
}

func (p *parser) function() *Func {
	p.f = &Func{Instrs: make([]Instr, 1)}
	p.defined, p.unnamed, p.uses, p.blocks = make([]bool, 1), nil, nil, nil
	if p.word() != "func" {
		p.pos = p.start
		p.expected(`a function: func "name" #index {`)
	}
	p.f.Name = p.quoted()
	p.want("#")
	p.f.Index = int(p.numbered("", "the function's index", 1<<30))
	p.want("{")
	p.endLine()
	for p.err == nil && !p.accept("}") {
		p.block()
	}
	if p.err == nil && len(p.f.Blocks) == 0 {
		p.fail(p.line, p.col(), "function %q has no block", p.f.Name)
	}
	p.endLine()
	p.resolve()
	return p.f
}

func (p *parser) quoted() string {
	p.blanks()
	if p.err != nil {
		return ""
	}
	q, err := strconv.QuotedPrefix(p.src[p.pos:])
	if err != nil || q[0] != '"' {
		p.expected("the function's name in double quotes")
		return ""
	}
	p.pos += len(q)
	s, _ := strconv.Unquote(q) // QuotedPrefix checked it
	return s
}

// resolve looks up what was named before it was defined, and numbers the
// instructions that give no value.
func (p *parser) resolve() {
	if p.err != nil {
		return
	}
	for _, u := range p.uses {
		if u.n == 0 || int(u.n) >= len(p.defined) || !p.defined[u.n] {
			p.fail(u.line, u.col, "v%d is defined nowhere in this function", u.n)
			return
		}
	}
	for _, u := range p.blocks {
		if int(u.n) >= len(p.f.Blocks) {
			p.fail(u.line, u.col, "b%d does not exist: the function has %d blocks", u.n, len(p.f.Blocks))
			return
		}
	}
	next := 1
	for _, r := range p.unnamed {
		for next < len(p.defined) && p.defined[next] {
			next++
		}
		if next == len(p.f.Instrs) {
			p.f.Instrs = append(p.f.Instrs, Instr{})
		}
		p.f.Instrs[next] = r.in
		p.f.Blocks[r.block].Instrs[r.index] = Value(next)
		next++
	}
}

func (p *parser) block() {
	n := len(p.f.Blocks)
	p.blanks()
	line, col := p.line, p.col()
	if got := p.numbered("b", "a block: b"+strconv.Itoa(n)+":, or }", p.maxBlocks()); int(got) != n {
		p.fail(line, col, "b%d is out of order: the next block is b%d", got, n)
	}
	p.want(":")
	p.f.Blocks = append(p.f.Blocks, Block{})
	b := &p.f.Blocks[n]
	if p.accept("<-") {
		b.Preds = append(b.Preds, p.blockRef())
		for p.accept(",") {
			b.Preds = append(b.Preds, p.blockRef())
		}
	}
	b.Start = p.slot()
	if w := p.word(); w == "backward" {
		b.Backward = true
	} else if w != "" {
		p.pos -= len(w)
		p.expected(`"backward" or the end of the line`)
	}
	p.endLine()
	for p.err == nil && !p.atBlockOrEnd() {
		p.instr(n)
		p.endLine()
	}
}

// atBlockOrEnd reports whether the line starts a block, or ends the function.
func (p *parser) atBlockOrEnd() bool {
	p.blanks()
	rest := p.src[p.pos:]
	return rest == "" || rest[0] == '}' || len(rest) > 1 && rest[0] == 'b' && isDigits(rest[1:2])
}

func (p *parser) slot() int32 {
	p.want("@")
	return p.number32()
}
