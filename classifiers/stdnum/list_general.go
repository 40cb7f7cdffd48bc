package stdnum

// general are the formats of no one country.
var general = []*Format{
	genBIC, genBitcoin, genCASRN, genCFI, genCUSIP, genDamm, genEAN, genFIGI, genGRID, genGS1, genIBAN, genIMEI, genIMO, genIMSI, genISAN, genISBN, genISIL, genISIN, genISMN, genISNI, genISO11649,
	genISO6346, genISRC, genISSN, genLEI, genLuhn, genCard, genMAC, genMEID, genMod1110, genMod112, genMod372, genMod3736, genMod9710, genUPI, genVATIN, genVerhoeff,
}
