// Package host is the machine around a guest: what helpers ask that no program
// and no map can answer. A subject is one interface in a file of its own, with what is
// answered where nobody says otherwise. Nothing is made up: a default tells what
// is true of this process, or that there is nothing.
package host

// Host is all of it. Embed [Default] to implement a part.
type Host interface {
	Tasks
	Classes
	Network
	Sockets
	Connections
	Processors
	Memory
	Stacks
	Files
}

// Default is the host where the user gives none.
type Default struct {
	noMemory
	noNetwork
	noSockets
	noConnections
}

var _ Host = Default{}
