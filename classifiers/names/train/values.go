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

	// What is written like a name and is none of a person, place or firm.
	products  = fields("Linux|Ubuntu|Debian|Windows|Android|Kubernetes|Docker|Terraform|Ansible|Jenkins|Jira|Confluence|Slack|Teams|Outlook|Excel|PowerPoint|Word|GitHub|GitLab|Bitbucket|Grafana|Prometheus|Kibana|Elasticsearch|Logstash|Splunk|Datadog|Sentry|Kafka|RabbitMQ|Redis|Postgres|PostgreSQL|MySQL|MongoDB|Cassandra|Oracle|Snowflake|Databricks|Airflow|Spark|Hadoop|Hive|Flink|Tableau|Looker|Salesforce|HubSpot|Zendesk|Workday|ServiceNow|Python|Java|JavaScript|TypeScript|Rust|Go|Ruby|Rails|Django|Flask|FastAPI|Spring|Maven|Gradle|Node|React|Angular|Vue|Svelte|Nginx|Apache|Tomcat|Envoy|Istio|Vault|Consul|Nomad|Helm|Argo|Flux|Bash|Vim|Emacs|Julia|Ada|Haskell|Scala|Kotlin|Swift|Perl|Lua|Erlang|Elixir|Pascal|Fortran|Blockchain|Bitcoin|Ethereum|Chrome|Firefox|Safari|Mozilla|Photoshop|Figma|Notion|Trello|Zoom|Webex|Okta|Keycloak|Boolean|Markdown|Bluetooth|Alexa|Siri|Claude|Gemini|Llama|Mistral|Copilot|Luhn|Jackson|Hibernate|Mockito|Selenium|Cypress|Jasmine|Mocha|Babel|Celery|Pandas|Athena|Aurora|Lambda|Cypher|Caesar|Vigenère|Zeus|Hera|Apollo|Hermes|Orion|Phoenix|Mercury|Jupiter|Saturn|Atlas|Titan")
	acronyms  = strings.Fields("ISO RFC DOI ISBN ISSN EAN API SLA KPI OKR METAR ICAO IATA GDPR HIPAA SOX PCI DSS NIST OWASP CVE CWE HTTP TCP UDP DNS DHCP SSH TLS SSL VPN LAN WAN CPU GPU RAM SSD HDD USB HDMI PDF CSV XML JSON YAML SQL CRM ERP HR IT QA PR CI CD AWS GCP EC2 S3 EKS RDS IAM MFA SSO LDAP SAML JWT UUID SKU UPC VAT IBAN BIC SWIFT SEPA ETA FAQ TBD TODO FIXME NOTE INFO WARN ERROR DEBUG FATAL ACK SYN NULL TRUE FALSE MRI CT ECG BMI HIV BP HR RR SpO2 COPD ADHD PTSD DOB SSN MRN NPI ICD CPT LOINC FHIR HL7 ZUS PESEL NIP DNI NIE AOK TÜV DIN VIN ABS LED LCD")
	illnesses = map[string][]string{
		"en": fields("type 2 diabetes|Crohn's disease|Parkinson's disease|Alzheimer's disease|Down syndrome|Hodgkin lymphoma|multiple sclerosis|hepatitis C|epilepsy|migraine|asthma|hypertension|atrial fibrillation|pneumonia|anemia|gout|lupus|Marfan syndrome|Tourette syndrome|Asperger syndrome|bipolar disorder|generalised anxiety|Lyme disease|Graves disease|Bell's palsy|Cushing syndrome"),
		"de": fields("arterielle Hypertonie|Diabetes mellitus|Multiple Sklerose|Bandscheibenvorfall|Vorhofflimmern|Lungenentzündung|Morbus Crohn|Morbus Parkinson|Epilepsie|Migräne|Gicht|Asthma bronchiale|Hepatitis"),
		"fr": fields("hypertension artérielle|diabète de type 2|sclérose en plaques|maladie de Crohn|maladie de Parkinson|épilepsie|migraine|pneumonie|dépression sévère|asthme"),
		"es": fields("hipertensión arterial|diabetes tipo 2|esclerosis múltiple|enfermedad de Crohn|epilepsia|migraña|neumonía|trastorno bipolar|asma"),
		"it": fields("ipertensione arteriosa|diabete mellito|sclerosi multipla|morbo di Crohn|epilessia|emicrania|polmonite|depressione maggiore|asma"),
		"pt": fields("hipertensão arterial|diabetes tipo 2|esclerose múltipla|doença de Crohn|epilepsia|enxaqueca|pneumonia|depressão grave|asma"),
		"nl": fields("hoge bloeddruk|diabetes mellitus|multiple sclerose|ziekte van Crohn|epilepsie|migraine|longontsteking|reumatoïde artritis"),
		"pl": fields("nadciśnienie tętnicze|cukrzyca typu 2|stwardnienie rozsiane|choroba Leśniowskiego-Crohna|padaczka|migrena|zapalenie płuc|astma oskrzelowa|niewydolność serca|ból pleców"),
		"sv": fields("högt blodtryck|diabetes typ 2|multipel skleros|Crohns sjukdom|epilepsi|migrän|lunginflammation|utmattningssyndrom"),
		"tr": fields("yüksek tansiyon|tip 2 diyabet|multipl skleroz|Crohn hastalığı|epilepsi|migren|zatürre|astım"),
	}
	medicines = strings.Fields("metformin ramipril ibuprofen amoxicillin Ramipril Metoprolol Xarelto Eliquis Ozempic Humira Prednisolon Pantoprazol Lisinopril Atorvastatin Sertraline Insulin Paracetamol Aspirin Bisoprolol")
	foods     = strings.Fields("Avocado Lime Salmon Shrimp Chicken Noodle Eggplant Lasagna Basil Rosemary Ginger Olive Pepper Vanilla Caesar Benedict Margherita Bolognese Carbonara Stroganoff Wellington Garlic Butter Lemon Mint Sage Saffron Curry Mango Berry Cherry Almond Honey")
	eponyms   = strings.Fields("Bayesian Boolean Gregorian Cartesian Gaussian Newtonian Markovian Victorian Keynesian Darwinian Freudian Euclidean Hebrew Latin Gothic Baroque")
)
