package helpers

import "testing"

// What copy_sysctl_value and its callers give, for reads and for writes.
func TestSysctl(t *testing.T) {
	run, mem, at := world(t, nil)
	out := at + 64
	call := func(id int32, n, flags uint64, want int64, text string) {
		t.Helper()
		for i := range 64 {
			mem[64+i] = 'x'
		}
		if got := int64(run.must(t, id, at, out, n, flags)); got != want || string(mem[64:64+len(text)]) != text {
			t.Errorf("helper %d with %d bytes: %d %q, want %d %q", id, n, got, mem[64:64+len(text)], want, text)
		}
	}
	call(101, 16, 0, -22, "x") // nobody says which sysctl
	call(102, 4, 0, -22, "\x00\x00\x00\x00x")
	run.Sysctl = &Sysctl{Name: "net/ipv4/tcp_mem", Current: []byte("1 2\n")}
	call(101, 17, 0, 16, "net/ipv4/tcp_mem\x00x")
	call(101, 16, 0, -7, "net/ipv4/tcp_me\x00x")
	call(101, 8, 1, 7, "tcp_mem\x00x")
	call(101, 1, 1, -7, "\x00x")
	call(102, 8, 0, 4, "1 2\n\x00\x00\x00\x00x")
	call(102, 5, 0, 4, "1 2\n\x00x")
	call(102, 4, 0, -7, "1 2\x00x")
	call(103, 4, 0, -22, "\x00\x00\x00\x00x") // a read
	call(104, 4, 0, -22, "x")
	mem[0] = 1
	call(103, 4, 0, -22, "\x00\x00\x00\x00x") // a write of nothing
	call(104, 4, 0, -22, "x")
	run.Sysctl.New = []byte("600")
	call(103, 8, 0, 3, "600\x00\x00\x00\x00\x00x")
	call(104, 4, 0, 0, "xxxx")
	call(103, 8, 0, 4, "xxxx\x00\x00\x00\x00x")
	if got := string(run.Effects.Sysctl); got != "xxxx" || string(run.Sysctl.New) != "600" {
		t.Errorf("the caller sees %q", got)
	}
}
