package pools

// Resolve is resolve, for tests.
var Resolve = resolve
