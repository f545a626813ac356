package hart

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of what LoadELF accepts, so that a hostile file cannot take the host's memory.
const (
	maxSegments = 64
	maxText     = 16 << 20
	maxGap      = 1 << 20 // bytes between executable segments
	maxMemory   = 512 << 20
	maxAddr     = 1 << 47 // of user space
)

// The stack lies where Linux puts it for Sv39.
const (
	stackTop  = 0x3f_ffff_f000
	stackSize = 1 << 20
)

// Linux's numbers (include/uapi/asm-generic/unistd.h) and errors.
const (
	sysWrite     = 64
	sysExit      = 93
	sysExitGroup = 94

	ebadf  = 9
	efault = 14
	enosys = 38
)

// ELFOptions says how RunELF runs a program.
type ELFOptions struct {
	Ext            Ext       // extensions; 0: all
	Stdout, Stderr io.Writer // nil: what is written is dropped
	Max            uint64    // instructions it may retire; 0: no bound
}

// ELFResult is what a program that RunELF ran has left.
type ELFResult struct {
	ExitCode int
	Retired  uint64
}

// ErrLimit is wrapped by RunELF's error when the program retired ELFOptions.Max instructions.
var ErrLimit = errors.New("instruction limit reached")

// LoadELF makes a hart that is about to execute the first instruction of a
// statically linked RV64 program without a libc: its segments are in memory and
// sp points at an empty argument list.
func LoadELF(r io.ReaderAt, ext Ext) (*Hart, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read ELF: %w", err)
	}
	defer f.Close() // closes nothing: r stays the caller's
	if err := checkHeader(f); err != nil {
		return nil, err
	}
	segs, err := segments(f)
	if err != nil {
		return nil, err
	}
	return assemble(f.Entry, segs, ext)
}

// checkHeader refuses files of other machines and kinds.
func checkHeader(f *elf.File) error {
	switch {
	case f.Class != elf.ELFCLASS64:
		return fmt.Errorf("ELF class is %v: want ELFCLASS64", f.Class)
	case f.Data != elf.ELFDATA2LSB:
		return fmt.Errorf("ELF byte order is %v: want ELFDATA2LSB", f.Data)
	case f.Machine != elf.EM_RISCV:
		return fmt.Errorf("ELF machine is %v: want EM_RISCV", f.Machine)
	case f.Type != elf.ET_EXEC:
		return fmt.Errorf("ELF type is %v: want ET_EXEC (link with -static and without -pie)", f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return fmt.Errorf("ELF has a %v segment: link it with -static and without -pie", p.Type)
		}
	}
	return nil
}

// segment is a PT_LOAD in memory.
type segment struct {
	Region
	exec bool
	file uint64 // how many of its bytes the file has
}

// segments reads what the program has in memory, in the order of addresses.
func segments(f *elf.File) ([]segment, error) {
	var progs []*elf.Prog
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Memsz > 0 {
			progs = append(progs, p)
		}
	}
	if len(progs) == 0 || len(progs) > maxSegments {
		return nil, fmt.Errorf("ELF has %d loadable segments: want 1 to %d", len(progs), maxSegments)
	}
	slices.SortStableFunc(progs, func(a, b *elf.Prog) int {
		if a.Vaddr < b.Vaddr {
			return -1
		}
		return 1
	})
	var segs []segment
	end, total := uint64(0), uint64(0)
	for _, p := range progs {
		switch {
		case p.Filesz > p.Memsz:
			return nil, fmt.Errorf("segment at %#x: %d bytes in the file do not fit its %d bytes of memory", p.Vaddr, p.Filesz, p.Memsz)
		case p.Memsz > maxMemory-total:
			return nil, fmt.Errorf("segment at %#x: %d bytes, with %d before it, are more than %d", p.Vaddr, p.Memsz, total, maxMemory)
		case p.Vaddr > maxAddr-p.Memsz:
			return nil, fmt.Errorf("segment at %#x: ends above user space (%#x)", p.Vaddr, uint64(maxAddr))
		case p.Vaddr < end:
			return nil, fmt.Errorf("segment at %#x: overlaps the one before it, which ends at %#x", p.Vaddr, end)
		case p.Vaddr < stackTop && p.Vaddr+p.Memsz > stackTop-stackSize:
			return nil, fmt.Errorf("segment at %#x: overlaps the stack", p.Vaddr)
		}
		s, err := read(p)
		if err != nil {
			return nil, err
		}
		segs = append(segs, s)
		end = p.Vaddr + p.Memsz
		total += p.Memsz
	}
	return segs, nil
}

// read brings one segment into memory.
func read(p *elf.Prog) (segment, error) {
	if p.Flags&elf.PF_X != 0 && p.Filesz > maxText {
		return segment{}, fmt.Errorf("segment at %#x: %d bytes of code are more than %d", p.Vaddr, p.Filesz, maxText)
	}
	// Read before the memory is made: a file that lacks the bytes then costs none.
	data, err := io.ReadAll(io.LimitReader(p.Open(), int64(p.Filesz)))
	if err == nil && uint64(len(data)) < p.Filesz {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return segment{}, fmt.Errorf("segment at %#x: read %d bytes: %w", p.Vaddr, p.Filesz, err)
	}
	s := segment{Region: Region{Base: p.Vaddr, Mem: alignedBytes(p.Memsz, p.Vaddr)}, exec: p.Flags&elf.PF_X != 0, file: p.Filesz}
	copy(s.Mem, data)
	// RISC-V has no page that may be written but not read (privileged
	// architecture, "Addressing and Memory Protection").
	if p.Flags&(elf.PF_R|elf.PF_W) != 0 {
		s.Perm |= PermR
	}
	if p.Flags&elf.PF_W != 0 {
		s.Perm |= PermW
	}
	return s, nil
}

// alignedBytes makes n bytes whose host address is base, modulo 8.
func alignedBytes(n, base uint64) []byte {
	skip := base & 7
	b := wordBytes(make([]uint64, (n+skip+7)/8))
	return b[skip : skip+n : skip+n]
}

// assemble builds the hart.
func assemble(entry uint64, segs []segment, ext Ext) (*Hart, error) {
	lo, text, err := codeOf(entry, segs)
	if err != nil {
		return nil, err
	}
	// The fast region, which is the first, is the largest one that can be written.
	regions := []Region{{Base: stackTop - stackSize, Mem: alignedBytes(stackSize, 0), Perm: PermRW}}
	for _, s := range segs {
		regions = append(regions, s.Region)
		if r0 := &regions[0]; s.Perm == PermRW && (r0.Base == stackTop-stackSize || len(s.Mem) > len(r0.Mem)) {
			last := &regions[len(regions)-1]
			*r0, *last = *last, *r0
		}
	}
	h := New(NewCodeExt(lo, text, ext), regions...)
	h.PC = entry
	// argc, argv's end, envp's end and AT_NULL are all zero (psABI, "Program loading").
	h.X[sp] = stackTop - 64
	return h, nil
}

// codeOf returns what can be executed, and its address: everything from the
// first executable segment to the last, with the gaps between them filled by
// zeros, which are illegal. What the file does not have is zero too, and left out:
// preparing code takes a multiple of its size, so a small file must not ask for much.
func codeOf(entry uint64, segs []segment) (lo uint64, text []byte, err error) {
	inText, hi := false, uint64(0)
	for _, s := range segs {
		if !s.exec || s.file == 0 {
			continue
		}
		if hi == 0 {
			lo = s.Base &^ 3
			hi = lo
		}
		if s.Base > hi && s.Base-hi > maxGap {
			return 0, nil, fmt.Errorf("segment at %#x: %d bytes behind the code before it, at most %d can be", s.Base, s.Base-hi, maxGap)
		}
		hi = s.Base + s.file
		if hi-lo > maxText {
			return 0, nil, fmt.Errorf("executable segments span %#x to %#x, more than %d bytes", lo, hi, maxText)
		}
		text = append(text, make([]byte, hi-lo-uint64(len(text)))...)
		copy(text[s.Base-lo:], s.Mem[:s.file])
		inText = inText || entry-s.Base < s.file
	}
	if !inText {
		return 0, nil, fmt.Errorf("entry point %#x lies in no executable segment", entry)
	}
	return lo, text, nil
}

// RunELF loads a program, as LoadELF does, and runs it until it exits. The
// program may exit (system call 93 or 94) and write to file descriptors 1 and 2
// (64); every other call gives ENOSYS. A trap ends it with an error that says
// where it was; the result tells what had been retired.
func RunELF(r io.ReaderAt, opts ELFOptions) (ELFResult, error) {
	if opts.Ext == 0 {
		opts.Ext = ExtAll
	}
	h, err := LoadELF(r, opts.Ext)
	if err != nil {
		return ELFResult{}, err
	}
	for {
		if opts.Max != 0 && h.Instret >= opts.Max {
			return ELFResult{Retired: h.Instret}, fmt.Errorf("at %#x: %w (%d)", h.PC, ErrLimit, opts.Max)
		}
		left := uint64(0)
		if opts.Max != 0 {
			left = opts.Max - h.Instret
		}
		switch trap := h.Run(left); trap.Kind {
		case Ecall:
			exited, err := h.syscall(&opts)
			if err != nil || exited {
				return ELFResult{ExitCode: int(uint8(h.X[10])), Retired: h.Instret}, err
			}
		case Limit:
		default:
			return ELFResult{Retired: h.Instret}, fmt.Errorf("at %#x: %v", h.PC, trap)
		}
	}
}

// syscall serves the system call that the hart has just made.
func (h *Hart) syscall(opts *ELFOptions) (exited bool, err error) {
	a0 := &h.X[10]
	switch h.X[17] {
	case sysExit, sysExitGroup:
		return true, nil
	case sysWrite:
		n, err := h.write(*a0, h.X[11], h.X[12], opts)
		*a0 = uint64(n)
		return false, err
	}
	*a0 = errno(enosys)
	return false, nil
}

func errno(e int64) uint64 { return uint64(-e) }

// write gives n bytes at addr to the writer of fd. Like Linux, it writes the
// part that lies in memory.
func (h *Hart) write(fd, addr, n uint64, opts *ELFOptions) (int64, error) {
	w := opts.Stdout
	switch fd {
	case 1:
	case 2:
		w = opts.Stderr
	default:
		return -ebadf, nil
	}
	if n == 0 {
		return 0, nil
	}
	b := h.readable(addr, n)
	if len(b) == 0 {
		return -efault, nil
	}
	if w == nil {
		return int64(len(b)), nil
	}
	wrote, err := w.Write(b)
	if err != nil {
		return 0, fmt.Errorf("write %d bytes for file descriptor %d: %w", len(b), fd, err)
	}
	return int64(wrote), nil
}

// readable returns the first bytes of [addr, addr+n) that lie in one readable region.
func (h *Hart) readable(addr, n uint64) []byte {
	r, _ := h.find(addr, 1, PermR)
	if r == nil {
		return nil
	}
	b := r.Mem[addr-r.Base:]
	return b[:min(n, uint64(len(b)))]
}
