//go:build race

package testenv

// Race says that the race detector watches, which makes everything several times slower.
const Race = true
