package rivet

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Keys, values and contexts travel as cilium/ebpf marshals them, but always
// little-endian, as guests are: []byte and string as they are, a
// BinaryMarshaler by its own method, everything else by encoding/binary.

var le = binary.LittleEndian

// marshal turns data into exactly size bytes; size < 0: any number.
func marshal(data any, size int) ([]byte, error) {
	var buf []byte
	var err error
	switch v := data.(type) {
	case nil:
		return nil, errors.New("can't marshal a nil value")
	case encoding.BinaryMarshaler:
		buf, err = v.MarshalBinary()
	case []byte:
		buf = v
	case string:
		buf = []byte(v)
	case uint32:
		buf = le.AppendUint32(make([]byte, 0, 4), v)
	case uint64:
		buf = le.AppendUint64(make([]byte, 0, 8), v)
	default:
		buf, err = binary.Append(nil, le, v)
	}
	if err != nil {
		return nil, err
	}
	if size >= 0 && len(buf) != size {
		return nil, fmt.Errorf("%T doesn't marshal to %d bytes", data, size)
	}
	return buf, nil
}

// unmarshal is the inverse; dst must take all of buf.
func unmarshal(dst any, buf []byte) error {
	switch v := dst.(type) {
	case nil:
		return errors.New("can't unmarshal into nil")
	case encoding.BinaryUnmarshaler:
		return v.UnmarshalBinary(slices.Clone(buf))
	case *string:
		*v = string(buf)
		return nil
	case *[]byte:
		*v = slices.Clone(buf)
		return nil
	case []byte:
		if len(v) != len(buf) {
			return fmt.Errorf("can't unmarshal %d bytes into a slice of %d", len(buf), len(v))
		}
		copy(v, buf)
		return nil
	}
	n, err := binary.Decode(buf, le, dst)
	if err != nil {
		return fmt.Errorf("can't unmarshal %d bytes into %T: %w", len(buf), dst, err)
	}
	if n != len(buf) {
		return fmt.Errorf("unmarshaling %T doesn't consume all data", dst)
	}
	return nil
}
