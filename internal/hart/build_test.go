package hart

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// encode puts operands where r's format has them. It is the tests' own: what it
// makes is held against tools from outside.
func encode(r *row, rd, rs1, rs2 uint32, imm int32) uint32 {
	u := uint32(imm)
	d, s1, s2 := rd<<7, rs1<<15, rs2<<20
	switch r.format {
	case fmtR:
		return r.match | d | s1 | s2
	case fmtUnary:
		return r.match | d | s1
	case fmtI:
		return r.match | d | s1 | u<<20
	case fmtSh6:
		return r.match | d | s1 | u&63<<20
	case fmtSh5:
		return r.match | d | s1 | u&31<<20
	case fmtS:
		return r.match | s1 | s2 | u>>5&0x7f<<25 | u&0x1f<<7
	case fmtB:
		return r.match | s1 | s2 | u>>12&1<<31 | u>>5&0x3f<<25 | u>>1&0xf<<8 | u>>11&1<<7
	case fmtU:
		return r.match | d | u&^0xfff
	case fmtJ:
		return r.match | d | u>>20&1<<31 | u>>1&0x3ff<<21 | u>>11&1<<20 | u>>12&0xff<<12
	case fmtAmo:
		if r.mask == mLr {
			s2 = 0
		}
		return r.match | d | s1 | s2 | u&3<<25 // aq and rl
	case fmtCsr:
		return r.match | d | u&3<<20
	case fmtFence:
		return r.match | u&0xff<<20
	}
	return r.match
}

var rowByName = func() map[string]*row {
	m := map[string]*row{}
	for i := range rows {
		m[rows[i].name] = &rows[i]
	}
	return m
}()

// enc is encode by name.
func enc(name string, rd, rs1, rs2 uint32, imm int32) uint32 {
	r := rowByName[name]
	if r == nil {
		panic("BUG: no instruction " + name)
	}
	return encode(r, rd, rs1, rs2, imm)
}

// load describes one segment of makeELF.
type load struct {
	addr  uint64
	data  []byte
	memsz uint64 // at least len(data)
	flags elf.ProgFlag
}

// makeELF writes a static executable.
func makeELF(entry uint64, loads ...load) []byte {
	hdr := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_RISCV), Version: 1, Entry: entry,
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(loads)), Shentsize: 64,
		Flags: 1, // EF_RISCV_RVC
	}
	copy(hdr.Ident[:], "\x7fELF\x02\x01\x01")
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, hdr)
	off := uint64(0x1000)
	for _, l := range loads {
		binary.Write(&b, binary.LittleEndian, elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(l.flags), Off: off, Vaddr: l.addr, Paddr: l.addr,
			Filesz: uint64(len(l.data)), Memsz: max(l.memsz, uint64(len(l.data))), Align: 0x1000,
		})
		off += (uint64(len(l.data)) + 0xfff) &^ 0xfff
	}
	for _, l := range loads {
		b.Write(make([]byte, (0x1000-b.Len()%0x1000)%0x1000))
		b.Write(l.data)
	}
	return b.Bytes()
}
