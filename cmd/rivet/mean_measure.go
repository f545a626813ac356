//go:build measure

package main

import "math"

// mean gathers ratios for their geometric mean.
type mean struct {
	logs float64
	n    int
}

func (m *mean) add(ratio float64) {
	m.logs += math.Log(ratio)
	m.n++
}

func (m *mean) geometric() float64 {
	if m.n == 0 {
		return 0
	}
	return math.Exp(m.logs / float64(m.n))
}

func ratio(a, b uint64) float64 { return float64(a) / float64(b) }
