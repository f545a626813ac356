package ringbuf_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/ringbuf"
)

// A program reports what it sees, a goroutine reads along.
func Example() {
	coll, err := rivet.NewCollection(spec(4096)) // as made by rivet.LoadCollectionSpec from an object
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()

	rd, err := ringbuf.NewReader(coll.Maps["events"])
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			record, err := rd.Read()
			if errors.Is(err, ringbuf.ErrClosed) {
				return
			}
			if errors.Is(err, ringbuf.ErrFlushed) {
				fmt.Println("that is all")
				return
			}
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println("event", binary.LittleEndian.Uint64(record.RawSample))
		}
	}()

	for i := range uint64(3) {
		packet := binary.LittleEndian.AppendUint64(make([]byte, 0, 16), i)
		if _, err := coll.Programs["submit"].Run(&rivet.RunOptions{Data: packet[:16]}); err != nil {
			log.Fatal(err)
		}
	}
	rd.Flush() // or Close, which throws away what was not read
	<-done
	rd.Close()
	// Output:
	// event 0
	// event 1
	// event 2
	// that is all
}

// With a deadline in the past a reader takes what is there and never waits.
func ExampleReader_SetDeadline() {
	coll, err := rivet.NewCollection(spec(4096))
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	rd, err := ringbuf.NewReader(coll.Maps["events"])
	if err != nil {
		log.Fatal(err)
	}
	defer rd.Close()

	if _, err := coll.Programs["submit"].Run(&rivet.RunOptions{Data: make([]byte, 16)}); err != nil {
		log.Fatal(err)
	}
	rd.SetDeadline(time.Now().Add(-time.Second))
	for {
		record, err := rd.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d bytes, %d left\n", len(record.RawSample), record.Remaining)
	}
	// Output: 16 bytes, 0 left
}

// What a user puts into a user ring buffer a program takes out.
func ExampleWriter() {
	spec, err := rivet.LoadCollectionSpec("../testdata/world/user_ringbuf.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollection(spec)
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	w, err := ringbuf.NewWriter(coll.Maps["samples"])
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()

	if _, err := w.Write([]byte("a sample")); err != nil { // copies
		log.Fatal(err)
	}
	sample, err := w.Reserve(16) // does not
	if err != nil {
		log.Fatal(err)
	}
	copy(sample.Data(), "another sample")
	sample.Submit()

	if _, err := coll.Programs["drain"].Run(&rivet.RunOptions{Data: make([]byte, 14)}); err != nil {
		log.Fatal(err)
	}
	var drained uint64
	if err := coll.Maps["notes"].Lookup(uint32(0), &drained); err != nil {
		log.Fatal(err)
	}
	fmt.Println(drained, "samples,", w.AvailableBytes(), "bytes free")
	// Output: 2 samples, 4096 bytes free
}
