package contact

// codeLengths are the country codes in use (ITU-T E.164, list of assigned codes)
// with the shortest and longest national significant number that their plans
// allow, as far as the plans are public; 5 to 12 where a plan is open. Where a code stands twice, the later line holds.
var codeLengths = func() (t [1000][2]uint8) {
	set := func(low, high uint8, codes ...int) {
		for _, c := range codes {
			t[c] = [2]uint8{low, high}
		}
	}
	set(10, 10, 1, 7)
	set(8, 10, 20, 27, 30, 31, 32, 34, 36, 40, 41, 44, 48, 51, 52, 53, 54, 56, 57, 58, 60, 61, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98)
	set(9, 9, 33, 34, 48, 51)
	set(6, 12, 39)        // Italy keeps its zero
	set(6, 13, 43)        // Austria
	set(8, 8, 45, 47, 65) // Denmark, Norway, Singapore
	set(7, 10, 46, 44, 61, 64)
	set(5, 12, 49, 62) // Germany, Indonesia: open plans
	set(10, 11, 55, 54, 86)
	set(9, 11, 86, 81, 60, 82)
	set(10, 10, 90, 91, 92, 57, 58, 52, 63, 98, 30)
	set(7, 9, 211, 212, 213, 216, 218, 32, 41, 220, 221, 222, 223, 224, 225, 226, 227, 228, 229)
	set(8, 10, 225, 229)
	set(6, 10, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246, 247, 248, 249)
	set(6, 10, 250, 251, 252, 253, 254, 255, 256, 257, 258, 260, 261, 262, 263, 264, 265, 266, 267, 268, 269)
	set(4, 9, 290, 291, 297, 298, 299)
	set(5, 9, 350, 376, 378, 379, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509)
	set(9, 9, 351, 353, 355, 380, 420, 421, 593, 886, 966, 971, 972, 977, 992, 993, 994, 995, 996, 998, 381)
	set(7, 11, 352, 353, 354, 356, 357, 358, 359)
	set(8, 10, 355, 370, 371, 372, 373, 374, 375, 377, 380, 381, 382, 383, 385, 386, 387, 389)
	set(6, 12, 385, 381)
	set(7, 9, 420, 421, 423)
	set(7, 10, 590, 591, 592, 593, 594, 595, 596, 597, 598, 599)
	set(4, 9, 670, 672, 673, 674, 675, 676, 677, 678, 679, 680, 681, 682, 683, 685, 686, 687, 688, 689, 690, 691, 692)
	set(7, 11, 800, 808, 870, 878, 881, 882, 883, 888, 979)
	set(8, 10, 850, 852, 853, 855, 856, 880, 886)
	set(7, 10, 960, 961, 962, 963, 964, 965, 966, 967, 968, 970, 971, 972, 973, 974, 975, 976, 977, 992, 993, 994, 995, 996, 998)
	return t
}()

// countryCode gives the length of the country code that the digits begin with
// and the lengths of the numbers behind it; 0 where no code in use begins so.
// Codes are prefix-free.
func countryCode(d []byte) (n, low, high int) {
	code := 0
	for n = 1; n <= 3 && n <= len(d); n++ {
		code = code*10 + int(d[n-1]-'0')
		if l := codeLengths[code]; l[1] != 0 && code >= []int{0, 1, 10, 100}[n] {
			return n, int(l[0]), int(l[1])
		}
	}
	return 0, 0, 0
}
