package stdnum

// formatsAF are the formats of countries whose code begins with a to f.
var formatsAF = []*Format{}
