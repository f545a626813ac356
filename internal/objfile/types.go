package objfile

// innerMaps makes the elements of a map's values, where they are pointers to a
// typedef of a struct, pointers to the struct.
func innerMaps(f *file) error {
	t := f.btf
	t.each(".maps", func(v uint32) {
		def := t.plain(t.target(v))
		if t.kind(def) != kindStruct {
			return
		}
		_, n := t.info(def)
		for i := range n {
			m := t.member(def, i)
			array := le.Uint32(m[4:])
			if t.str(le.Uint32(m)) != "values" || t.kind(array) != kindArray {
				continue
			}
			elem := le.Uint32(t.b[t.at[array]+12:])
			if t.kind(elem) != kindPtr {
				continue
			}
			if to := t.plain(t.target(elem)); t.kind(to) == kindStruct {
				t.setTarget(elem, to)
			}
		}
	})
	return nil
}

// ksyms makes variables of the kernel, whatever their type, ones of type void:
// what the library wants, and their address is all that is asked of them.
func ksyms(f *file) error {
	t := f.btf
	t.each(".ksyms", func(v uint32) { t.setTarget(v, 0) })
	return nil
}

// each calls f for the variables of a data section.
func (t *types) each(section string, f func(v uint32)) {
	if t == nil {
		return
	}
	t.vars(t.datasec(section), func(id uint32) {
		if t.kind(id) == kindVar {
			f(id)
		}
	})
}
