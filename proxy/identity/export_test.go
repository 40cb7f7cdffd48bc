package identity

// ContainerOf is for tests.
var ContainerOf = containerOf
