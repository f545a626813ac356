package rivettest

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/ringbuf"
)

// Records takes out and returns all records that a ring buffer holds. R is a type of fixed size, or []byte. A record
// may be longer than R, as programs send some with data behind them.
func Records[R any](t testing.TB, m *rivet.Map) []R {
	t.Helper()
	rd, err := ringbuf.NewReader(m)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	rd.SetDeadline(time.Unix(1, 0)) // what is there now
	var all []R
	for {
		rec, err := rd.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		var r R
		if err == nil {
			err = record(rec.RawSample, &r)
		}
		if err != nil {
			t.Fatalf("map %s, record %d: %v", m.Name(), len(all), err)
		}
		all = append(all, r)
	}
}

func record(raw []byte, to any) error {
	if b, ok := to.(*[]byte); ok {
		*b = raw
		return nil
	}
	_, err := binary.Decode(raw, binary.LittleEndian, to)
	return err
}

// ExpectRecords takes out all records that a ring buffer holds and compares them with those that are wanted, in order.
func ExpectRecords[R any](t testing.TB, m *rivet.Map, want ...R) {
	t.Helper()
	if diff := cmp.Diff(want, Records[R](t, m), everything); diff != "" {
		t.Errorf("records of %s (-want +got):\n%s", m.Name(), diff)
	}
}
