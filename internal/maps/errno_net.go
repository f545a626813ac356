package maps

// Errors that maps of devices, processors and sockets give, and helpers that ask for routes and sockets.
const (
	EPROTONOSUPPORT Errno = 93  // no such protocol
	ENOMSG          Errno = 42  // not among the options
	ENODATA         Errno = 61  // the packet has none
	ENONET          Errno = 64  // no such network namespace
	EBADF           Errno = 9   // what is put is no socket
	ENODEV          Errno = 19  // no such device or processor
	EMSGSIZE        Errno = 90  // longer than allowed
	EPROTOTYPE      Errno = 91  // a socket of another protocol
	ENOPROTOOPT     Errno = 92  // no such option
	ESOCKTNOSUPPORT Errno = 94  // not for such a socket
	EAFNOSUPPORT    Errno = 97  // neither IPv4 nor IPv6
	ENETUNREACH     Errno = 101 // no way there
	EOVERFLOW       Errno = 75  // the number is too large
	EPROTO          Errno = 71  // not of the protocol that it is said to be
)
