package rivet_test

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/rivetbpf/rivet"
)

// A program that sends its packet on to a neighbour, through a tunnel, and a copy to another device.
func ExampleRunResult() {
	spec, err := rivet.LoadCollectionSpec("testdata/cli/send.o")
	if err != nil {
		log.Fatal(err)
	}
	coll, err := rivet.NewCollection(spec)
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	res, err := coll.Programs["forward"].RunDetailed(&rivet.RunOptions{Data: make([]byte, 64)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Redirect)
	for i := range res.Clones {
		fmt.Println(&res.Clones[i])
	}
	fmt.Println(res.Tunnel)
	// Output:
	// device 7 by neighbour 10.0.0.9
	// device 3, 64 bytes, ingress
	// 10.0.0.1, id 42
}

// A machine with two devices, a route and a neighbour.
func ExampleFIB() {
	fib := &rivet.FIB{
		Devices: []rivet.Device{
			{Index: 2, MAC: [6]byte{2, 0, 0, 0, 0, 2}, MTU: 1500},
			{Index: 3, MAC: [6]byte{2, 0, 0, 0, 0, 3}, MTU: 1500},
		},
		Routes: []rivet.FIBRoute{
			{Prefix: netip.MustParsePrefix("10.0.3.0/24"), Route: rivet.Route{Ifindex: 3}},
			{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Route: rivet.Route{Ifindex: 3, Gateway: netip.MustParseAddr("10.0.3.1")}},
		},
		Neighbors: []rivet.Neighbor{{Ifindex: 3, IP: netip.MustParseAddr("10.0.3.1"), MAC: [6]byte{2, 0, 0, 0, 3, 1}}},
	}
	type machine struct {
		rivet.DefaultHost
		*rivet.FIB
	}
	var host rivet.Host = machine{FIB: fib} // for CollectionOptions.Host

	way := host.Route(rivet.RouteQuery{In: 2, Dst: netip.MustParseAddr("192.0.2.7")})
	mac, known := host.Neighbor(way.Ifindex, way.Gateway)
	fmt.Printf("device %d, via %v at %x (%v)\n", way.Ifindex, way.Gateway, mac, known)
	// Output: device 3, via 10.0.3.1 at 020000000301 (true)
}
