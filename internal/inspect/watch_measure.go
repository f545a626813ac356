//go:build measure

package inspect

// Watch has visit called before each instruction that a later run of the
// collection executes, with its offset in the image.
var Watch func(coll any, visit func(pc uint32))
