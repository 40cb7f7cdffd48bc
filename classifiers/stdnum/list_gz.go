package stdnum

// formatsGZ are the formats of countries whose code begins with g to z.
var formatsGZ = []*Format{}
