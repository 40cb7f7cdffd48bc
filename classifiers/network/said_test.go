package network

// said are the ways in which people write what this room finds; every mark is
// found by its type at likely, more or less of it.
var said = []string{
	"phone 2 has IMEI number [[IMEI|35-209900-176148-1]]",
	"IMSI: [[IMSI|310150123456789]]",
	"SIM ICCID=[[ICCID|8949020000123456789]]",
	"src_mac=[[MAC_ADDRESS|b8:27:eb:11:22:3c]]",
}
