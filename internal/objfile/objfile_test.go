package objfile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What the library reads is not touched.
func TestGoodObjectsStayAsTheyAre(t *testing.T) {
	objects, err := filepath.Glob("../../bench/obj/*.o")
	if err != nil || len(objects) < 10 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	for _, name := range append(objects, "testdata/legacy.o", "../../examples/dispatch/dispatch.o") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Mend(bytes.NewReader(b))
		if err != nil || !bytes.Equal(r.Bytes, b) {
			t.Errorf("%s: changed, %v", name, err)
		}
	}
}

// What is no object of ours comes out as it is, for the library to refuse.
func TestOthers(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("text"), append([]byte("\x7fELF\x02\x02"), make([]byte, 100)...)} {
		if r, err := Mend(bytes.NewReader(b)); err != nil || !bytes.Equal(r.Bytes, b) {
			t.Errorf("%q: %v", b, err)
		}
	}
	if _, err := Mend(bytes.NewReader(append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 20)...))); err == nil {
		t.Error("a header that is cut off: no error")
	}
}

func FuzzMend(f *testing.F) {
	objects, err := filepath.Glob("testdata/*.o")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range objects {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(0), byte(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16, to byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] = to
		}
		r, err := Mend(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(r.Bytes) > 10*len(b)+1024 {
			t.Errorf("%d bytes became %d", len(b), len(r.Bytes))
		}
	})
}
