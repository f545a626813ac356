package perf_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/perf"
)

// Samples come with the processor that the program ran on, and say when some were lost.
func Example() {
	coll, err := rivet.NewCollectionWithOptions(spec(), rivet.CollectionOptions{CPUs: 2}) // as made by rivet.LoadCollectionSpec from an object
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()

	rd, err := perf.NewReader(coll.Maps["events"], os.Getpagesize())
	if err != nil {
		log.Fatal(err)
	}
	defer rd.Close()

	for i := range uint64(3) {
		packet := binary.LittleEndian.AppendUint64(make([]byte, 0, 16), i)
		if _, err := coll.Programs["output"].Run(&rivet.RunOptions{Data: packet[:16], CPU: 1}); err != nil {
			log.Fatal(err)
		}
	}
	rd.SetDeadline(time.Now()) // do not wait for more
	for {
		record, err := rd.Read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			log.Fatal(err)
		case record.LostSamples != 0:
			fmt.Println("lost", record.LostSamples)
		default:
			fmt.Printf("processor %d: event %d\n", record.CPU, binary.LittleEndian.Uint64(record.RawSample))
		}
	}
	// Output:
	// processor 1: event 0
	// processor 1: event 1
	// processor 1: event 2
}
