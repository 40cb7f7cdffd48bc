package address

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/classifiers/words"
	"github.com/ostiary/ostiary/proxy"
)

var locationType = classifiers.Type{
	Name: "LOCATION", Groups: []string{classifiers.Location}, Severity: classifiers.Low, Doc: "A place: a town, a region, a point on the map.", Aliases: []string{"GPE", "PLACE"},
}

// Coordinates finds points on the map.
var Coordinates = &classifiers.Detector{
	Name: "coordinates", Version: 1,
	Doc: `Geographic coordinates after ISO 6709 and its common forms: latitude and longitude in decimal degrees with three decimals at least (about a
hundred metres) and within their ranges, with the sign of a degree and a letter of the compass, or beside a word such as GPS or latitude. A bare pair of
decimals is only possible: vectors of numbers look the same.`,
	Types: []*classifiers.Type{&locationType},
	Positives: []string{
		"GPS: [[LOCATION|51.50735, -0.12776]]",
		"found at [[LOCATION|40.7128° N, 74.0060° W]]",
		`{"lat": [[LOCATION|48.13743]], "lng": [[LOCATION|11.57549]]}`,
		"coordinates [[LOCATION|-33.8688,151.2093]]",
		"[[possible LOCATION|52.520008, 13.404954]]",
	},
	NearMisses: []string{
		"0.1234, 0.5678, 0.9012 are weights; lat 95.12345 is none",
		"versions 1.234.5 and 12.345, 67.890; 3.14159",
		"0.98221, 0.12344",
	},
	Interests: []classifiers.Interest{{Shape: classifiers.Code, Judge: judgeCoordinates}},
}

var mapCue = classifiers.NewCue(
	"gps", "lat", "latitude", "lng", "lon", "long", "longitude", "coordinates", "coordinate", "coords", "coord", "geo", "geolocation", "geoloc", "latlng", "latlon", "location", "position", "maps", "pin",
	"koordinaten", "standort", "breitengrad", "längengrad", "breite", "länge", "coordonnées", "latitud", "longitud", "coordenadas", "ubicación", "latitudine", "longitudine", "coordinate", "posizione",
	"coördinaten", "locatie", "breedtegraad", "lengtegraad", "współrzędne", "szerokość", "długość", "koordinater", "latitud", "koordinat", "konum", "enlem", "boylam", "緯度", "経度", "座標", "经度", "纬度", "坐标", "अक्षांश", "देशांतर",
)

var latCue = classifiers.NewCue("lat", "latitude", "breitengrad", "latitud", "latitudine", "enlem", "breedtegraad")
var lngCue = classifiers.NewCue("lng", "lon", "longitude", "längengrad", "longitud", "longitudine", "boylam", "lengtegraad")

// degree is a decimal number of degrees.
type degree struct {
	start, end int
	places     int
	whole      int
	compass    byte // N S E W, 0 where it has none
	sign       bool // a sign of degrees
}

// degreeAt reads a number of degrees whose digits begin at i.
func degreeAt(t string, i int) (degree, bool) {
	d := degree{start: i}
	n := run(t, i)
	if n == 0 || n > 3 || words.At(t, i+n) != '.' {
		return d, false
	}
	for k := i; k < i+n; k++ {
		d.whole = d.whole*10 + int(t[k]-'0')
	}
	e := i + n + 1
	for e < len(t) && words.IsDigit(t[e]) && d.places < 16 {
		e++
		d.places++
	}
	if d.places < 3 || words.IsLetter(words.At(t, e)) && words.At(t, e) != 'N' && words.At(t, e) != 'S' && words.At(t, e) != 'E' && words.At(t, e) != 'W' || words.At(t, e) == '.' && words.IsDigit(words.At(t, e+1)) {
		return d, false
	}
	if b := words.At(t, i-1); b == '-' || b == '+' {
		d.start--
	}
	d.end = e
	p := e
	if strings.HasPrefix(t[p:], "°") {
		p += len("°")
		d.sign, d.end = true, p
	}
	p += min(1, words.Blanks(t, p))
	if c := words.At(t, p); (c == 'N' || c == 'S' || c == 'E' || c == 'W') && !words.IsLetter(words.At(t, p+1)) {
		d.compass, d.end = c, p+1
	}
	return d, true
}

func judgeCoordinates(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	done := 0
	for _, g := range c.Groups {
		if g.Start < done || !g.Digits || g.Letters || g.Len() > 3 || words.At(t, g.End) != '.' || g.Sep == classifiers.SepDot {
			continue
		}
		a, ok := degreeAt(t, g.Start)
		if !ok || a.whole > 180 {
			continue
		}
		if b := words.At(t, a.start-1); words.IsLetter(b) || words.IsDigit(b) || b == '_' || b == '.' || b == '$' {
			continue
		}
		if end := point(s, a); end > 0 {
			done = end
			s.Resume(end)
		}
	}
}

// point judges a number of degrees and what follows it.
func point(s *classifiers.Scan, a degree) int {
	t := s.Text
	p := a.end
	if c := words.At(t, p); c == ',' || c == ';' || c == '/' {
		p++
	}
	p += words.Blanks(t, p)
	q := p
	if c := words.At(t, q); c == '-' || c == '+' {
		q++
	}
	if b, ok := degreeAt(t, q); ok && p > a.end && a.whole <= 90 && b.whole <= 180 {
		f := classifiers.Found{Start: a.start, End: b.end, Type: &locationType, Likelihood: proxy.Unlikely, Rule: "pair"}
		more := words.At(t, b.end) == ',' && (words.IsDigit(words.At(t, b.end+1)) || words.At(t, b.end+1) == ' ' && (words.IsDigit(words.At(t, b.end+2)) || words.At(t, b.end+2) == '-'))
		switch {
		case more || s.Before(a.start) == ' ' && s.Before(a.start-1) == ',' && words.IsDigit(s.Before(a.start-2)):
			return 0 // a row of numbers
		case a.compass != 0 && b.compass != 0:
			f.Likelihood, f.Rule = proxy.VeryLikely, "compass"
		case s.Near(mapCue, a.start, b.end) < classifiers.Far:
			f.Likelihood = proxy.VeryLikely
		case a.places >= 4 && b.places >= 4 && a.whole > 1:
			f.Likelihood = proxy.Possible
		}
		s.Find(f)
		return f.End
	}
	cue := latCue
	limit := 90
	if s.Near(latCue, a.start, a.end) > s.Near(lngCue, a.start, a.end) {
		cue, limit = lngCue, 180
	}
	if a.whole < limit && s.Near(cue, a.start, a.end) <= labelGap {
		s.Find(classifiers.Found{Start: a.start, End: a.end, Type: &locationType, Likelihood: proxy.Likely, Rule: "labelled"})
		return a.end
	}
	return 0
}

// labelGap is how near the word for latitude must stand to one number.
const labelGap = 8
