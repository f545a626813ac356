package main

import (
	"fmt"
	"os"

	"github.com/rivetbpf/rivet"
)

// loadClassic loads a filter of classic BPF from a text file.
func (a *app) loadClassic(file string, f *objectFlags) (*loaded, error) {
	opts, err := a.options(f)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	filter, err := rivet.ParseClassic(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	const name = "filter"
	coll, err := rivet.NewClassicCollection(name, filter, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	l := &loaded{object: file, coll: coll, program: coll.Programs[name], name: name, opts: opts}
	if coll.Engine() == rivet.EngineHart {
		l.march = marchOf(opts)
	}
	return l, nil
}
