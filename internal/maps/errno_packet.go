package maps

// Errors that helpers give which change packets. ENOTSUPP is the kernel's own number, which user space never sees.
const (
	EALREADY Errno = 114 // done before
	ENOTSUPP Errno = 524 // not for this packet
)
