package payment

// recogniserFiles are the files of recogniser cases by type.
var recogniserFiles = map[string]string{
	"test_credit_card_recognizer.py": "CREDIT_CARD", "test_iban_recognizer.py": "IBAN_CODE", "test_crypto_recognizer.py": "CRYPTO",
	"test_aba_routing_recognizer.py": "ABA_ROUTING_NUMBER", "test_us_bank_recognizer.py": "US_BANK_NUMBER",
}

// promptRecall is the share of a type's marks in the prompts, in thousandths,
// that is to be found.
func promptRecall(string) int { return 970 }

// maxRate is the rate of findings in clean text.
const maxRate = 1.0
