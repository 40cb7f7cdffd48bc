package network

// recogniserFiles are the files of recogniser cases by type.
var recogniserFiles = map[string]string{"test_ip_recognizer.py": "IP_ADDRESS", "test_mac_recognizer.py": "MAC_ADDRESS"}

// promptRecall is the share of a type's marks in the prompts, in thousandths,
// that is to be found at likely. Private addresses are marked and unlikely.
func promptRecall(string) int { return 970 }

// maxRate is the rate of findings in clean text.
const maxRate = 1.0
