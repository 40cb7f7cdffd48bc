package health

// icdCategories are the categories of ICD-10-CM (National Center for Health
// Statistics, edition of April 2026) and those that only the WHO's edition has,
// a bit for each number from 00 to 99 of a letter.
var icdCategories = [26][2]uint64{
	0: { // A
		0x9fff5fffdffe83ff, 0xdffffecff},
	'B' - 'A': {0x1ffffffe4e1f87ff, 0xfdfefffff},
	'C' - 'A': {0xf7fffbe7c7ffffff, 0x1fd7fffff},
	'D' - 'A': {0xffbffffffffffeff, 0x25f7fff},
	'E' - 'A': {0xbdfc7f1dfff1afff, 0x3f9ffdf},
	'F' - 'A': {0xf8fd3f87f3fffeff, 0xcff1fc3f7},
	'G' - 'A': {0xfffcf939c7b07fff, 0xffe0f03c3},
	'H' - 'A': {0x7afedd1fde778c37, 0xfc0f0ffe},
	'I' - 'A': {0xf01fffffdff1bfe7, 0xb83efffff},
	'J' - 'A': {0xf000bfffc077fe7f, 0xdfc77007f},
	'K' - 'A': {0xff9c7f78fef07b7f, 0xdcef3fdf},
	'L' - 'A': {0xdffe3f007ff07d3f, 0xeffff1fdf},
	'M' - 'A': {0xf06fef1fcffffdf7, 0xbfffbb9ce},
	'N' - 'A': {0xf03fffbffefffdff, 0xfffff3fc3},
	'O' - 'A': {0xf001ff1ff7f1ff9f, 0xc5fe53fff},
	'P' - 'A': {0x3ffc00f83fc8ffbf, 0x1fc1b75c0},
	'Q' - 'A': {0xf1fc3fffdff7fcff, 0xfbeffffff},
	'R' - 'A': {0xffffffbfeefffefb, 0xa7ffffef3},
	'S' - 'A': {0xfffffffffffbffff, 0xfffffffff},
	'T' - 'A': {0xfffffff7dfffc080, 0x1ffdeff},
	'U' - 'A': {0x280, 0x0},
	'V' - 'A': {0xfffffffffffffe7f, 0xfffffffff},
	'W' - 'A': {0x7ffe75fffffffffb, 0x87760062b},
	'X' - 'A': {0x41400fdc00ffd7f, 0xff00fff80},
	'Y' - 'A': {0xc000007bffe0039f, 0x8b41fffe7},
	'Z' - 'A': {0xdfbbfff7f0fffb3f, 0xfffffffff},
}

// icdLettered are the categories with a letter in the third place.
const icdLettered = "C4A C7A C7B D3A I1A I5A J4A M1A O9A Z3A"
