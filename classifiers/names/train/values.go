package main

import "strings"

func fields(s string) []string { return strings.Split(s, "|") }

// Values that templates are filled with. Places are common knowledge; firms are
// coined, but for some that everyone knows.
var (
	cities = map[string][]string{
		"en": fields("London|New York|Chicago|Boston|Houston|Dallas|Austin|Denver|Seattle|Portland|Phoenix|Miami|Atlanta|Toronto|Vancouver|Montreal|Sydney|Melbourne|Perth|Dublin|Cork|Edinburgh|Glasgow|Manchester|Leeds|Bristol|Cardiff|Belfast|Auckland|Cape Town|Johannesburg|San Francisco|Los Angeles|San Diego|Las Vegas|Salt Lake City|Kansas City|St. Louis|Baton Rouge|Little Rock|Nashville|Memphis|Charlotte|Raleigh|Richmond|Baltimore|Cleveland|Columbus|Cincinnati|Pittsburgh|Buffalo|Albany|Hartford|Tampa|Orlando|Texas|California|Florida|Ohio|Ontario|Queensland|Kent|Yorkshire|Brooklyn|Oakland|Sacramento|Fresno|Tucson|Omaha|Tulsa|Boise|Spokane|Anchorage|Honolulu|Brighton|Oxford|Cambridge|Norwich|Southampton|Nottingham|Sheffield|Liverpool|Newcastle|Aberdeen|Galway|Limerick|Adelaide|Brisbane|Hobart|Darwin|Wellington|Calgary|Ottawa|Winnipeg|Halifax"),
		"de": fields("Berlin|Hamburg|München|Köln|Frankfurt|Stuttgart|Düsseldorf|Leipzig|Dresden|Hannover|Nürnberg|Bremen|Essen|Dortmund|Bonn|Münster|Karlsruhe|Mannheim|Augsburg|Wien|Graz|Linz|Salzburg|Innsbruck|Zürich|Bern|Basel|Luzern|Kassel|Mainz|Trier|Ulm|Passau|Regensburg|Würzburg|Rostock|Kiel|Lübeck|Jena|Weimar|Halle|Magdeburg|Freiburg|Heidelberg|Bayern|Sachsen|Hessen|Tirol|Bad Homburg|Winterthur|St. Gallen"),
		"fr": fields("Paris|Lyon|Marseille|Toulouse|Nice|Nantes|Strasbourg|Montpellier|Bordeaux|Lille|Rennes|Reims|Le Havre|Saint-Étienne|Toulon|Grenoble|Dijon|Angers|Nîmes|Clermont-Ferrand|Aix-en-Provence|Brest|Tours|Limoges|Amiens|Perpignan|Metz|Besançon|Orléans|Rouen|Mulhouse|Caen|Nancy|Bruxelles|Liège|Namur|Genève|Lausanne|Québec|Montréal|La Rochelle|Bretagne|Normandie|Alsace"),
		"es": fields("Madrid|Barcelona|Valencia|Sevilla|Zaragoza|Málaga|Murcia|Palma|Bilbao|Alicante|Córdoba|Valladolid|Vigo|Gijón|Granada|Oviedo|Pamplona|Almería|San Sebastián|Burgos|Salamanca|Logroño|Badajoz|Huelva|León|Cádiz|Ciudad de México|Guadalajara|Monterrey|Puebla|Bogotá|Medellín|Cali|Lima|Cusco|Santiago|Valparaíso|Buenos Aires|Rosario|Quito|Caracas|Montevideo|Andalucía|Galicia|Cataluña"),
		"it": fields("Roma|Milano|Napoli|Torino|Palermo|Genova|Bologna|Firenze|Bari|Catania|Venezia|Verona|Messina|Padova|Trieste|Brescia|Parma|Taranto|Prato|Modena|Reggio Calabria|Perugia|Ravenna|Livorno|Rimini|Cagliari|Ferrara|Salerno|Monza|Siracusa|Pescara|Bergamo|Vicenza|Trento|Lecce|Como|La Spezia|Toscana|Sicilia|Lombardia"),
		"pt": fields("Lisboa|Porto|Braga|Coimbra|Faro|Aveiro|Setúbal|Évora|Viseu|São Paulo|Rio de Janeiro|Belo Horizonte|Salvador|Brasília|Curitiba|Fortaleza|Recife|Porto Alegre|Manaus|Belém|Goiânia|Campinas|Santos|Florianópolis|Vitória|Natal|Niterói|Londrina|Minas Gerais|Bahia|Paraná"),
		"nl": fields("Amsterdam|Rotterdam|Den Haag|Utrecht|Eindhoven|Groningen|Tilburg|Almere|Breda|Nijmegen|Arnhem|Haarlem|Enschede|Apeldoorn|Amersfoort|Zwolle|Leiden|Maastricht|Dordrecht|Delft|Alkmaar|Gouda|Antwerpen|Gent|Brugge|Leuven|Brussel|Friesland|Zeeland"),
		"pl": fields("Warszawa|Warszawie|Kraków|Krakowie|Łódź|Łodzi|Wrocław|Wrocławiu|Poznań|Poznaniu|Gdańsk|Gdańsku|Szczecin|Bydgoszcz|Lublin|Lublinie|Katowice|Katowicach|Białystok|Gdynia|Gdyni|Częstochowa|Radom|Sosnowiec|Toruń|Toruniu|Kielce|Rzeszów|Rzeszowie|Gliwice|Zabrze|Olsztyn|Zakopane|Sopot"),
		"sv": fields("Stockholm|Göteborg|Malmö|Uppsala|Västerås|Örebro|Linköping|Helsingborg|Jönköping|Norrköping|Lund|Umeå|Gävle|Borås|Södertälje|Eskilstuna|Halmstad|Växjö|Karlstad|Sundsvall|Luleå|Kalmar|Oslo|Bergen|København|Aarhus|Helsinki|Åbo|Skåne"),
		"tr": fields("İstanbul|Ankara|İzmir|Bursa|Antalya|Adana|Konya|Gaziantep|Mersin|Kayseri|Eskişehir|Diyarbakır|Samsun|Denizli|Trabzon|Erzurum|Malatya|Manisa|Sakarya|Muğla|Bodrum|Kadıköy|Beşiktaş|Üsküdar|Çankaya"),
		"hi": fields("Delhi|Mumbai|Kolkata|Chennai|Bengaluru|Hyderabad|Pune|Ahmedabad|Jaipur|Lucknow|Kanpur|Nagpur|Indore|Bhopal|Patna|Surat|Vadodara|Kochi|Coimbatore|Noida|Gurgaon|Chandigarh|Amritsar|Ludhiana|Varanasi|Agra|Ranchi|Mysuru|Nashik|Thane|Gujarat|Kerala|Punjab|Bihar"),
		"xx": fields("Paris|Rome|Berlin|Madrid|Vienna|Prague|Warsaw|Budapest|Moscow|Kyiv|Athens|Istanbul|Cairo|Lagos|Nairobi|Accra|Tunis|Casablanca|Dubai|Doha|Riyadh|Tehran|Baghdad|Beirut|Tel Aviv|Jerusalem|Karachi|Lahore|Dhaka|Colombo|Bangkok|Hanoi|Jakarta|Manila|Singapore|Kuala Lumpur|Hong Kong|Beijing|Shanghai|Shenzhen|Tokyo|Osaka|Kyoto|Seoul|Busan|Taipei|Sydney|Mexico City|Bogota|Lima|Santiago|Havana|Panama|Lisbon|Oslo|Stockholm|Helsinki|Copenhagen|Zurich|Geneva|Brussels|Amsterdam|Dublin|Edinburgh|Milan|Naples|Turin|Venice|Munich|Cologne|Hamburg|Seville|Porto|Krakow|Zagreb|Belgrade|Sofia|Bucharest|Riga|Vilnius|Tallinn|Minsk|Tbilisi|Baku|Almaty|Germany|France|Italy|Spain|Poland|Sweden|Norway|Turkey|India|China|Japan|Brazil|Argentina|Chile|Peru|Mexico|Canada|Australia|Egypt|Nigeria|Kenya|Ghana|Russia|Ukraine|Greece|Portugal|Ireland|Scotland|England|Vietnam|Thailand|Indonesia|Pakistan|Iran|Iraq|Israel|Syria|Lebanon|South Korea|South Africa|New Zealand|Saudi Arabia|the Netherlands|United States|United Kingdom"),
	}
	monthNames = map[string][]string{
		"en": strings.Fields("January February March April May June July August September October November December"),
		"de": strings.Fields("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
		"fr": strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
		"es": strings.Fields("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
		"it": strings.Fields("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
		"pt": strings.Fields("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
		"nl": strings.Fields("januari februari maart april mei juni juli augustus september oktober november december"),
		"pl": strings.Fields("stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"),
		"sv": strings.Fields("januari februari mars april maj juni juli augusti september oktober november december"),
		"tr": strings.Fields("Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"),
	}
	demonyms = map[string][]string{
		"en": strings.Fields("German French British Italian Spanish Russian Chinese Japanese American Canadian Australian Indian Pakistani Israeli Turkish Greek Polish Dutch Swedish Norwegian Danish Swiss Austrian Belgian Brazilian Mexican Argentine Egyptian Nigerian Kenyan Iranian Iraqi Syrian Ukrainian Czech Hungarian Romanian Croatian Serbian Irish Scottish Welsh Palestinian Kurdish Chechen"),
		"de": fields("Der deutsche|Der französische|Der britische|Der polnische|Der türkische"),
	}
	jobs = map[string][]string{
		"en": fields("Software Engineer|Account Manager|Head of People|Director of Procurement|CEO|chief financial officer|nurse|teacher|Product Manager|Sales Representative|Data Analyst|paralegal|warehouse supervisor|Senior Vice President|Claims Adjuster|Team Lead|HR Business Partner|electrician|Office Manager"),
		"de": fields("Geschäftsführer|Sachbearbeiterin|Leiter Einkauf|Personalreferentin|Softwareentwickler|Krankenschwester|Abteilungsleiter|Buchhalterin|Projektleiter|Rechtsanwalt"),
		"fr": fields("Directrice des ressources humaines|Responsable commercial|Comptable|Ingénieur|infirmière|Chef de projet|Gestionnaire de sinistres|Avocate"),
		"es": fields("Directora de Recursos Humanos|Jefe de Ventas|Contable|Ingeniero|enfermera|Gestor de siniestros|Abogada"),
		"it": fields("Responsabile Risorse Umane|Direttore Vendite|Contabile|Ingegnere|infermiera|Avvocato"),
		"pt": fields("Diretora de Recursos Humanos|Gerente de Vendas|Contador|Engenheiro|enfermeira|Advogada"),
		"nl": fields("Hoofd Personeelszaken|Accountmanager|Boekhouder|Ingenieur|verpleegkundige|Advocaat"),
		"pl": fields("Kierownik Działu|Specjalista ds. Kadr|Księgowa|Inżynier|pielęgniarka|Adwokat"),
		"sv": fields("Personalchef|Säljare|Ekonom|Ingenjör|sjuksköterska|Advokat"),
		"tr": fields("İnsan Kaynakları Müdürü|Satış Temsilcisi|Muhasebeci|Mühendis|hemşire|Avukat"),
	}
	legal = map[string][]string{
		"en": fields("Inc.|Inc|Ltd|Ltd.|LLC|LLP|Corp.|Corporation|plc|Co.|Group|Holdings"),
		"de": fields("GmbH|AG|KG|GmbH & Co. KG|SE|e.V."), "fr": fields("SA|SARL|SAS|& Fils"), "es": fields("S.A.|S.L.|y Asociados"), "it": fields("S.p.A.|S.r.l.|& Figli"),
		"pt": fields("Ltda|S.A.|Lda."), "nl": fields("B.V.|N.V.|Groep"), "pl": fields("Sp. z o.o.|S.A."), "sv": fields("AB|& Söner"), "tr": fields("A.Ş.|Ltd. Şti.|Holding"), "hi": fields("Pvt Ltd|Ltd|Industries"),
	}
	coined  = fields("Nord|Blue|Silver|Alpen|Terra|Veri|Lumi|Quant|Apex|Bright|Cedar|Delta|Echo|Falcon|Global|Harbor|Iron|Juniper|Krono|Lake|Metro|North|Omni|Pine|Quick|Red|Stone|Trans|Uni|Vento|West|Zen|Aqua|Medi|Agri|Finan|Digi|Opti|Solar|Inter|Euro|Astra")
	endings = fields("tech|soft|lab|works|line|bridge|field|wave|gate|point|flow|core|net|media|care|bank|trade|mark|ware|via|tera|dyne|nova|con|tis")
	kinds   = fields("Bank|Insurance|Hospital|University|Logistics|Airlines|Partners|Systems|Solutions|Health|Energy|Foods|Foundation|College|Motors|Consulting|Pharma|Institute|Council|Police|Times|School District|Medical Center|Associates|Software|Capital|Labs|Services|Telecom|Railways|City Council|FC|United")
	known   = fields("Google|Microsoft|Apple|Amazon|IBM|Siemens|Toyota|Samsung|Nestlé|BBC|NATO|FIFA|UNESCO|Harvard University|Deutsche Bank|BNP Paribas|Santander|UniCredit|ING|Volvo|Renault|Fiat|BMW|Bosch|Airbus|Boeing|Reuters|World Bank|United Nations|European Commission|Red Cross|Walmart|Tesla|Netflix|Infosys|Tata Motors|Allianz|AXA|Pfizer|Bayer|Novartis|Shell|HSBC|Barclays|Goldman Sachs|Philips|Ikea|Spotify|Zara|Turkish Airlines|LOT")
)
