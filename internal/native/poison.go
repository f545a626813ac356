package native

// Poison makes engines that are made from now on destroy, after each helper,
// every register that a helper may destroy, as Options.Verify does for one
// engine. It is for tests: set it before they run.
var Poison bool
