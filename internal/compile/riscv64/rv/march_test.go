package rv

import (
	"strings"
	"testing"
)

func TestParseMarch(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"rv64ima", "rv64ima"},
		{"rv64imac", "rv64imac"},
		{"rv64g", "rv64ima"},
		{"rv64gc", "rv64imac"},
		{"RV64GC", "rv64imac"},
		{"rv64gc_zba_zbb_zbs_zicond_zacas", "rv64imac_zicond_zacas_zba_zbb_zbs"},
		{"rv64gcb", "rv64imac_zba_zbb_zbs"},
		{"rv64gcb_zicond", "rv64imac_zicond_zba_zbb_zbs"},
		{"rv64gc_zihintpause_zkt_svinval", "rv64imac"},
		{"rv64ima_zca", "rv64imac"},
		{"rv64im_zaamo_zalrsc", "rv64ima"},
		{"rv64i2p1_m2p0_a2p1_c2p0_zba1p0_zbb1p0", "rv64imac_zba_zbb"},
		{"rv64i2p1m2p0a2p1c_zbs1", "rv64imac_zbs"},
		{"rv64imafdcvh_zicbom_zicntr_zicsr_zifencei_zfh_zba_zve64d_zvl128b", "rv64imac_zba"},
		{"rv64imaczba", "rv64imac_zba"},
		{"rva20u64", "rv64imac"},
		{"rva22u64", "rv64imac_zba_zbb_zbs"},
		{"RVA23U64", "rv64imac_zicond_zba_zbb_zbs"},
	} {
		e, err := ParseMarch(c.in)
		if err != nil || e.String() != c.want {
			t.Errorf("ParseMarch(%q) = %v, %v; want %s", c.in, e, err, c.want)
			continue
		}
		if again, err := ParseMarch(e.String()); err != nil || again != e {
			t.Errorf("%v parses back as %v, %v", e, again, err)
		}
	}
}

func TestParseMarchErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", `march "": does not begin with rv64`},
		{"rv32gc", `march "rv32gc": does not begin with rv64`},
		{"rv64", `march "rv64": an extension name is empty`},
		{"rv64gc__zba", `march "rv64gc__zba": an extension name is empty`},
		{"rv64gc_", `march "rv64gc_": an extension name is empty`},
		{"rv64i", `march "rv64i": lacks m`},
		{"rv64im", `march "rv64im": lacks a`},
		{"rv64im_zaamo", `march "rv64im_zaamo": lacks a`},
		{"rv64mac", `march "rv64mac": lacks i`},
		{"rv64emac", `march "rv64emac": unknown extension "e"`},
		{"rv64gc_zbz", `march "rv64gc_zbz": unknown extension "zbz"`},
		{"rv64gc_z", `march "rv64gc_z": unknown extension "z"`},
		{"rv64gc-zba", `march "rv64gc-zba": unknown extension "-"`},
		{"rva23", `march "rva23": does not begin with rv64`},
	} {
		_, err := ParseMarch(c.in)
		if err == nil || !strings.HasPrefix(err.Error(), c.want+"; ") || !strings.HasSuffix(err.Error(), marchHelp) {
			t.Errorf("ParseMarch(%q): %v\nwant %s; ...", c.in, err, c.want)
		}
	}
}

func FuzzParseMarch(f *testing.F) {
	f.Add("rv64gc_zba1p0")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseMarch(s)
		if err != nil {
			return
		}
		if again, err := ParseMarch(e.String()); err != nil || again != e {
			t.Errorf("ParseMarch(%q) = %v, which parses back as %v, %v", s, e, again, err)
		}
	})
}
