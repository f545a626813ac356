package maps

import "fmt"

// Errno is a Linux error number (asm-generic/errno.h). The numbers are Linux's
// on every host, because guests see them: a helper returns -Errno.
type Errno int

// The errors that map operations give.
const (
	EPERM        Errno = 1   // the map is frozen, or read- or write-only on this side
	ENOENT       Errno = 2   // no such key
	E2BIG        Errno = 7   // index beyond the array, or no room
	EAGAIN       Errno = 11  // no room right now
	ENOMEM       Errno = 12  // no guest memory left
	EACCES       Errno = 13  // memory that is too small
	EFAULT       Errno = 14  // a bad address
	EBUSY        Errno = 16  // in use
	EEXIST       Errno = 17  // BPF_NOEXIST, and the key exists
	EINVAL       Errno = 22  // wrong flags, or an operation that the kind does not have
	ENOSPC       Errno = 28  // the map is full
	ERANGE       Errno = 34  // out of range
	EDEADLK      Errno = 35  // waiting would never end
	ENAMETOOLONG Errno = 36  // a path that does not fit
	EOPNOTSUPP   Errno = 95  // not for this kind of map
	ETIMEDOUT    Errno = 110 // waited too long
)

var errnoText = map[Errno]string{
	EPERM:        "operation not permitted",
	ENOENT:       "key does not exist",
	E2BIG:        "key beyond the map's size",
	EBADF:        "bad file descriptor",
	EAGAIN:       "resource temporarily unavailable",
	ENOMEM:       "out of guest memory",
	EACCES:       "permission denied",
	EFAULT:       "bad address",
	EBUSY:        "device or resource busy",
	EEXIST:       "key already exists",
	EINVAL:       "invalid argument",
	ENOSPC:       "the map is full",
	ERANGE:       "numerical result out of range",
	EDEADLK:      "resource deadlock would occur",
	ENAMETOOLONG: "file name too long",
	EOPNOTSUPP:   "operation not supported by this kind of map",
	ETIMEDOUT:    "timed out",
}

func (e Errno) Error() string {
	if s, ok := errnoText[e]; ok {
		return s
	}
	return fmt.Sprintf("errno %d", int(e))
}

// Guest returns what a helper gives the guest for err: 0 or a negative error number.
func Guest(err error) uint64 {
	if err == nil {
		return 0
	}
	e, ok := err.(Errno)
	if !ok {
		e = EINVAL
	}
	return uint64(-int64(e))
}
