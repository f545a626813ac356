package progctx

import "fmt"

// ends names the fields of a context that say where RunOptions.Data lies, and how long it is.
type ends struct{ data, end, size string }

// structLayout is a context that the caller gives as a struct without its pointers.
func structLayout(name, progType string, fields Fields, e ends) Layout {
	l := Layout{Name: name, Types: []string{progType}, Fields: fields, Size: fields.size(alignment(fields))}
	var pointers []Field
	for _, f := range fields {
		if f.Size == 8 && (f.Name == "sk" || f.Name == "migrating_sk" || f.Name == e.data || f.Name == e.end) {
			pointers = append(pointers, f)
		}
	}
	l.Prepare = func(c *Context, user []byte, p *Packet) error {
		for _, f := range pointers {
			for _, b := range user[min(f.Off, len(user)):min(f.Off+8, len(user))] {
				if b != 0 {
					return fmt.Errorf("context: %s is a pointer and must be 0", f.Name)
				}
			}
		}
		copy(c.Bytes, user)
		l.Refresh(c.Bytes, p)
		return nil
	}
	l.Finish = func(c *Context, p *Packet) {
		for _, f := range pointers {
			le.PutUint64(c.Bytes[f.Off:], 0)
		}
	}
	if e.data != "" {
		l.Packet, l.EmptyPacket = true, true
		l.Addresses = e.addresses(fields)
	}
	return l
}

func alignment(fs Fields) int {
	for _, f := range fs {
		if f.Size == 8 {
			return 8
		}
	}
	return 4
}

func (e ends) addresses(fs Fields) func([]byte, *Packet) {
	data, end := fs.at(e.data), fs.at(e.end)
	size := -1
	if e.size != "" {
		size = fs.at(e.size)
	}
	return func(ctx []byte, p *Packet) {
		le.PutUint64(ctx[data:], p.Data())
		le.PutUint64(ctx[end:], p.End())
		if size >= 0 {
			le.PutUint32(ctx[size:], uint32(p.Len()))
		}
	}
}
