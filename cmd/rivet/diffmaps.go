package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// leaf is a part of a map's contents, and how a C programmer would name it.
type leaf struct {
	path string
	raw  json.RawMessage
}

// mapRows compares what a map holds: an entry (or global variable) a row, and
// where entries differ, a row for each part of them that does.
func mapRows(name string, values []json.RawMessage) ([]diffRow, error) {
	lists := make([][]leaf, len(values))
	for i, raw := range values {
		if raw == nil {
			continue
		}
		var err error
		if lists[i], err = entriesOf(name, raw); err != nil {
			return nil, fmt.Errorf("map %s: %w", name, err)
		}
	}
	var rows []diffRow
	for _, r := range leafRows(lists, values) {
		if !r.differs() {
			rows = append(rows, r)
			continue
		}
		parts := make([][]leaf, len(values))
		for i, l := range lists {
			if raw := find(l, r.label); raw != nil {
				parts[i] = leavesOf(r.label, raw, nil)
			}
		}
		for _, part := range leafRows(parts, values) {
			if part.differs() {
				rows = append(rows, part)
			}
		}
	}
	return rows, nil
}

// leafRows makes a row for each path. A side whose value is nil cannot tell.
func leafRows(lists [][]leaf, values []json.RawMessage) []diffRow {
	var rows []diffRow
	index := make([]map[string]json.RawMessage, len(lists))
	for i, l := range lists {
		index[i] = map[string]json.RawMessage{}
		for _, e := range l {
			index[i][e.path] = e.raw
		}
	}
	for _, path := range unionOf(lists) {
		r := diffRow{label: path}
		for i := range lists {
			c := diffCell{text: "none", unknown: values[i] == nil}
			if raw, ok := index[i][path]; ok {
				c.text = oneLine(raw)
			}
			r.cells = append(r.cells, c)
		}
		rows = append(rows, r)
	}
	return rows
}

func find(list []leaf, path string) json.RawMessage {
	for _, e := range list {
		if e.path == path {
			return e.raw
		}
	}
	return nil
}

// entriesOf takes a map's dump apart: entries, or the variables of a section.
func entriesOf(name string, raw json.RawMessage) ([]leaf, error) {
	var entries []struct{ Key, Value json.RawMessage }
	if err := json.Unmarshal(raw, &entries); err == nil {
		list := []leaf{}
		for _, e := range entries {
			list = append(list, leaf{name + "[" + oneLine(e.Key) + "]", e.Value})
		}
		return list, nil
	}
	return membersOf(raw, func(member string) string { return name + " " + member })
}

// membersOf lists the members of an object in their order.
func membersOf(raw json.RawMessage, path func(member string) string) ([]leaf, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%.40s is no object: %w", raw, err)
	}
	list := []leaf{}
	for dec.More() {
		member, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		list = append(list, leaf{path(fmt.Sprint(member)), value})
	}
	return list, nil
}

// leavesOf takes a value apart down to numbers and strings.
func leavesOf(path string, raw json.RawMessage, list []leaf) []leaf {
	var parts []leaf
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) == nil {
		for i, e := range elements {
			parts = append(parts, leaf{fmt.Sprintf("%s[%d]", path, i), e})
		}
	} else if members, err := membersOf(raw, func(m string) string { return path + "." + m }); err == nil {
		parts = members
	}
	if len(parts) == 0 {
		return append(list, leaf{path, raw})
	}
	for _, p := range parts {
		list = leavesOf(p.path, p.raw, list)
	}
	return list
}
