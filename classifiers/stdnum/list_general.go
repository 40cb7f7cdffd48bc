package stdnum

// general are the formats of no one country.
var general = []*Format{}
