package host

// Files tells of open files.
type Files interface {
	// Path returns the path that the kernel's struct path at an address stands for, such as the f_path of a struct file
	// whose address the program got in its context; ok is false when there is none.
	Path(addr uint64) (path string, ok bool)
}

// Path knows none.
func (Default) Path(uint64) (path string, ok bool) { return "", false }
