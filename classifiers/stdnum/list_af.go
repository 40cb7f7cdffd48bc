package stdnum

// formatsAF are the formats of countries whose code begins with a to f.
var formatsAF = []*Format{
	adNRT, alNIPT, arCBU, arCUIT, arDNI, atBusinessID, atPostleitzahl, atTIN, atUID, atVNR, auABN, auACN, auTFN, azVOEN,
	beBIS, beEID, beIBAN, beNN, beOGM, beSSN, beVAT, bgEGN, bgPNF, bgVAT, brCNPJ, brCPF, byUNP,
	caPHN, caBN, caSIN, chESR, chSSN, chUID, chVAT, clRUT, cnRIC, cnUSCC, coNIT, crCPF, crCPJ, crCR, cuNI, cyVAT, czAccount, czDIC, czICO, czRC,
	deHRN, deIDNR, deLeitweg, deStNr, deVAT, deWKN, dkCPR, dkCVR, doCedula, doNCF, doRNC, dzNIF,
	ecCI, ecRUC, eeIK, eeKMKR, eeRegistrikood, egTN, esCAE, esCCC, esCIF, esCUPS, esDNI, esIBAN, esNIE, esNIF, esPostalCode, esCatastral,
	euVAT, euBanknote, euCreditor, euECNumber, euEIC, euExcise, euNACE, euOSS, fiALV, fiAssociation, fiHETU, fiVeronumero, fiYTunnus, foVN,
	frAccise, frNIF, frNIR, frRCS, frSIREN, frSIRET, frTVA,
}
