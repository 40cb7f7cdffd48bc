package stdnum

// formatsGZ are the formats of countries whose code begins with g to z.
var formatsGZ = []*Format{
	gbNHS, gbSEDOL, gbUPN, gbUTR, gbVAT, ghTIN, gnNIFP, grAMKA, grVAT, gtNIT, hrOIB, huANUM, idNIK, idNPWP, iePPS, ieVAT, ilHP, ilIDNR,
	inAadhaar, inEPIC, inGSTIN, inPAN, inVID, isKennitala, isVSK, itAIC, itCodiceFiscale, itIVA, jpCN, jpIN, kePIN, krBRN, krRRN, liPEID, ltAsmens, ltPVM,
	luTVA, lvPVN, maICE, mcTVA, mdIDNO, meIBAN, mePIB, mkEDB, mtVAT, muNID, mxCURP, mxRFC, myNRIC, mzNUIT, nlBRIN, nlBSN, nlBTW, nlKaart, nlOnderwijs, nlPostcode,
	noFodselsnummer, noIBAN, noKontonr, noMVA, noOrgnr, nzBankAccount, nzIRD, omVAT, peCUI, peRUC, pkCNIC, plNIP, plPESEL, plREGON, ptCC, ptNIF, pyRUC,
	roCF, roCNP, roCUI, roONRC, rsPIB, ruINN, ruOGRN, seOrgnr, sePersonnummer, sePostnummer, seVAT, sgUEN, siDDV, siEMSO, siMaticna, skDPH, skRC, skICO, smCOE, snNINEA, svNIT,
	thMOA, thPIN, thTIN, tnMF, trTCKimlik, trVKN, twUBN, uaEDRPOU, uaRNTRC, usATIN, usEIN, usITIN, usPTIN, usRTN, usSSN, usTIN, uyRUT, veRIF, vnMST, zaIDNR, zaTIN,
}
