package health

// recogniserFiles are the files of recogniser cases by type.
var recogniserFiles = map[string]string{"test_us_npi_recognizer.py": "US_NPI"}

// promptRecall is the share of a type's marks in the prompts, in thousandths,
// that is to be found.
func promptRecall(typ string) int {
	if typ == "HEALTH_CONDITION" {
		return 900
	}
	return 970
}

// maxRate is the rate of findings in clean text.
const maxRate = 1.0
