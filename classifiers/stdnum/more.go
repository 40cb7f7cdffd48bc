package stdnum

// formatsMore are formats that recognisers of the field know and python-stdnum
// does not.
var formatsMore = []*Format{}
