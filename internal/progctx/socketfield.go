package progctx

// SocketField returns the offset of the context's pointer to a socket; -1: it has none.
func (l *Layout) SocketField() int {
	for _, f := range l.Fields {
		if f.Name == "sk" && f.Size == 8 {
			return f.Off
		}
	}
	return -1
}

// ShowSocket copies a socket, a struct bpf_sock, into the fields of struct __sk_buff that show it.
func ShowSocket(ctx, sock []byte) {
	if len(ctx) >= skbDataMeta {
		copy(ctx[skbFamily:skbDataMeta], skbOfSock(sock))
	}
}
