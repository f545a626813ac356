package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet"
)

// dumpMaps reads all maps of a collection as JSON of their BTF types.
func dumpMaps(coll *rivet.Collection) (map[string]json.RawMessage, error) {
	dump := map[string]json.RawMessage{}
	for name, m := range coll.Maps {
		b, err := m.DumpJSON()
		if err != nil {
			return nil, err
		}
		dump[name] = b
	}
	return dump, nil
}

// mapsText writes maps for people: still one JSON object, with a line for each
// entry of a map and each global variable.
func mapsText(dump map[string]json.RawMessage) (string, error) {
	var b strings.Builder
	b.WriteString("{")
	for i, name := range slices.Sorted(maps.Keys(dump)) {
		comma(&b, i)
		fmt.Fprintf(&b, "  %q: ", name)
		if err := members(&b, dump[name]); err != nil {
			return "", fmt.Errorf("map %s: %w", name, err)
		}
	}
	b.WriteString("\n}\n")
	return b.String(), nil
}

func comma(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
}

// members writes a map's value with a line for each of its members.
func members(b *strings.Builder, raw json.RawMessage) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		if len(list) == 0 {
			b.WriteString("[]")
			return nil
		}
		b.WriteByte('[')
		for i, e := range list {
			comma(b, i)
			b.WriteString("    " + oneLine(e))
		}
		b.WriteString("\n  ]")
		return nil
	}
	// A decoder keeps the order of the variables, which is that of their addresses.
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		b.WriteString(oneLine(raw))
		return err
	}
	b.WriteByte('{')
	for i := 0; dec.More(); i++ {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		comma(b, i)
		fmt.Fprintf(b, "    %q: %s", name, oneLine(value))
	}
	b.WriteString("\n  }")
	return nil
}

// oneLine writes JSON on one line, with a blank after each colon and comma.
func oneLine(raw json.RawMessage) string {
	var c bytes.Buffer
	if json.Compact(&c, raw) != nil {
		return string(raw)
	}
	var b strings.Builder
	quoted, escaped := false, false
	for _, r := range c.String() {
		b.WriteRune(r)
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ':' || r == ','):
			b.WriteByte(' ')
		}
	}
	return b.String()
}
