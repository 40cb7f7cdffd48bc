package secrets

import (
	"strings"

	"github.com/ostiary/ostiary/classifiers"
)

// service is a kind of credential whose formats are patterns. Where words is
// empty the patterns tell it by themselves: they begin with text that nothing
// else begins with. Else one of the words must begin the name that the value is
// assigned to, as the vendor's does: DROPBOX_TOKEN=…
type service struct {
	words    string // space separated, in lower case
	typ      string
	doc      string
	patterns string // space separated; see pattern. A middle dot stands for a space
}

// tokens are formats that tell themselves. The facts are from the vendors'
// documentation of their API keys and from what their consoles hand out.
var tokens = []service{
	{"", "ONEPASSWORD_SECRET_KEY", "A 1Password account secret key.", "A3-{u6}-{u11}-{u5}-{u5}-{u5} A3-{u6}-{u6}-{u5}-{u5}-{u5}-{u5}"},
	{"", "ADOBE_SECRET", "An Adobe client secret.", "p8e-{a32}"},
	{"", "AIKIDO_TOKEN", "An Aikido client id, client secret or CI token.", "AIK_CI_{a20-44} AIK_CLIENT_{a24} AIK_SECRET_{a64}"},
	{"", "AIVEN_BEARER", "An Aiven token in a header.", "aivenv1·{v300-400}"},
	{"", "ALIBABA_KEY", "An Alibaba Cloud access key id.", "LTAI{a17-21} STS.{a16-64}"},
	{"", "APIFY_TOKEN", "An Apify API token.", "apify_api_{a34-38}"},
	{"", "ARTIFACTORY_KEY", "A JFrog Artifactory API key or reference token.", "AKCp{a68-70} cmVmd{a59}"},
	{"", "ASAAS_KEY", "An Asaas API key.", "aact_prod_{b20-200} aact_hmlg_{b20-200}"},
	{"", "AUTHRESS_KEY", "An Authress service client access key.", "sc_{l5-30}.{l4-6}.acc-{n10-32}.{v30-120} sc_{l5-30}.{l4-6}.acc_{n10-32}.{v30-120} ext_{l5-30}.{l4-6}.acc-{n10-32}.{v30-120} ext_{l5-30}.{l4-6}.acc_{n10-32}.{v30-120} scauth_{l5-30}.{l4-6}.acc-{n10-32}.{v30-120} scauth_{l5-30}.{l4-6}.acc_{n10-32}.{v30-120} authress_{l5-30}.{l4-6}.acc-{n10-32}.{v30-120} authress_{l5-30}.{l4-6}.acc_{n10-32}.{v30-120}"},
	{"", "BEDROCK_KEY", "A short-lived Amazon Bedrock API key.", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{v0-1900}"},
	{"", "BRAVE_KEY", "A Brave Search API key.", "BSA{b24-40}"},
	{"", "BUILDKITE_TOKEN", "A Buildkite token.", "bkua_{l40} bkua_{l53} bkaa_{b75} bkaj_{b333} bkar_{b73} bkct_{b73} bkpt_{b199} bkpat_{b54} bkps_{b64}"},
	{"", "GCNOTIFY_KEY", "A GC Notify API key.", "gcntfy-{w1-40}-{U}-{U}"},
	{"", "CANVA_SECRET", "A Canva client secret.", "cnvca{b51}"},
	{"", "CIRCLECI_TOKEN", "A CircleCI personal token.", "CCIPAT_{a22}_{l40} CCIPRJ_{a22}_{l40}"},
	{"", "CLICKHOUSE_KEY", "A ClickHouse Cloud API secret key.", "4b1d{a38}"},
	{"", "CLOUDSMITH_KEY", "A Cloudsmith API key.", "csa_{h30}{a6}"},
	{"", "COCKROACH_KEY", "A CockroachDB Cloud API key.", "CCDB1_{a22}_{a40}"},
	{"", "CONFIGCAT_KEY", "A ConfigCat SDK key.", "configcat-sdk-1/{b22}/{b22}"},
	{"", "CRATES_TOKEN", "A crates.io API token.", "cio{a32}"},
	{"", "ASTRA_TOKEN", "A DataStax Astra application token.", "AstraCS:{a20-40}:{h64} AstraCS:{a20-200}"},
	{"", "DENO_TOKEN", "A Deno Deploy access token.", "ddp_{a36} ddo_{a36}"},
	{"", "DEVCYCLE_KEY", "A DevCycle SDK key.", "dvc_client_{w8-60} dvc_mobile_{w8-60} dvc_server_{w8-60}"},
	{"", "DEVIN_KEY", "A Devin API key.", "apk_user_{s120-180}{=0-2} apk_{s80-100}{=0-2} cog_{352}"},
	{"", "DOCKER_SWARM_KEY", "A Docker Swarm unlock key.", "SWMKEY-1-{s40-50}"},
	{"", "DUFFEL_TOKEN", "A Duffel API token.", "duffel_test_{e43} duffel_live_{e43}"},
	{"", "DYNATRACE_TOKEN", "A Dynatrace API token.", "dt0c01.{a24}.{a64} dt0s01.{a8-24}.{a64} dt0s16.{a8-24}.{a64}"},
	{"", "EASYPOST_KEY", "An EasyPost API key.", "EZAK{a54} EZTK{a54}"},
	{"", "ELASTIC_KEY", "An Elastic Cloud API key.", "essu_{b60-200}{=0-2}"},
	{"", "ENDOR_KEY", "An Endor Labs API key or secret.", "endr+{n16}"},
	{"", "EXOSCALE_KEY", "An Exoscale API key.", "EXO{a24-30}"},
	{"", "FACEBOOK_TOKEN", "A Facebook access token.", "EAAM{a100-400} EAAC{a100-400} EAAB{a100-400} EAAG{a100-400} EAAJ{a100-400}"},
	{"", "FLUTTERWAVE_KEY", "A Flutterwave secret or encryption key.", "FLWSECK_TEST-{g12} FLWSECK_TEST-{g32}-X FLWSECK-{g32}-X FLWPUBK_TEST-{g32}-X"},
	{"", "FRAMEIO_TOKEN", "A Frame.io API token.", "fio-u-{e64}"},
	{"", "GITLAB_SESSION", "A GitLab session cookie.", "gitlab_session={l32}"},
	{"", "GOCARDLESS_TOKEN", "A GoCardless access token.", "live_{e40}"},
	{"", "GOOGLE_REFRESH_TOKEN", "A Google OAuth refresh token.", "1//0{b38-150}"},
	{"", "GRAFANA_KEY", "A Grafana API key of the older form.", "eyJrIjoi{s40-380}{=0-2}"},
	{"", "HARNESS_KEY", "A Harness personal or service account token.", "pat.{b22}.{a24}.{a20} sat.{b22}.{a24}.{a20}"},
	{"", "INFRACOST_KEY", "An Infracost API key.", "ico-{a32}"},
	{"", "INTRA42_SECRET", "A client secret of 42's intranet.", "s-s4t2ud-{h64} s-s4t2af-{h64}"},
	{"", "IONIC_TOKEN", "An Ionic personal access token.", "ion_{a42}"},
	{"", "LANGSMITH_KEY", "A LangSmith API key.", "lsv2_pt_{H32}_{H10} lsv2_sk_{H32}_{H10}"},
	{"", "LARK_ID", "An app id of Lark.", "cli_{a16}"},
	{"", "LICHESS_TOKEN", "A Lichess personal access token.", "lip_{w16-60}"},
	{"", "MAILERSEND_TOKEN", "A MailerSend API token.", "mlsn.{a30-100}"},
	{"", "MERCURY_TOKEN", "A Mercury production API token.", "mercury_production_{z3-6}_{a40-50}_yrucrem"},
	{"", "MERGIFY_KEY", "A Mergify application key.", "mergify_application_key_{b40-200}"},
	{"", "MIDTRANS_KEY", "A Midtrans server or client key.", "Mid-server-{w10-24} Mid-client-{w10-24}"},
	{"", "MINIMAX_KEY", "A MiniMax API key.", "sk-api-{b119}"},
	{"", "MONGODB_ATLAS_ID", "The id of a MongoDB Atlas service account.", "mdb_sa_id_{h24}"},
	{"", "NEON_KEY", "A Neon API key.", "napi_{a64}"},
	{"", "NOTION_KEY", "A Notion integration token.", "ntn_{d11}{a35}"},
	{"", "OCTOPUS_KEY", "An Octopus Deploy API key.", "API-{u26}"},
	{"", "ONESIGNAL_KEY", "A OneSignal API key.", "os_v2_app_{3103} os_v2_org_{3103}"},
	{"", "ONFIDO_TOKEN", "An Onfido live API token.", "api_live_ca.{b20-80} api_live_us.{b20-80} api_live.{b20-80}"},
	{"", "OPENSHIFT_TOKEN", "An OpenShift user token.", "sha256~{b43}"},
	{"", "PADDLE_KEY", "A Paddle live API key.", "pdl_live_apikey_{l26}_{a22}_{a3}"},
	{"", "PERSONA_KEY", "A Persona production API key.", "persona_production_{b20-80}"},
	{"", "PINECONE_KEY", "A Pinecone API key.", "pcsk_{a5-6}_{a63}"},
	{"", "PINTEREST_TOKEN", "A Pinterest access token.", "pina_{b20-200}"},
	{"", "PLAID_TOKEN", "A Plaid access token.", "access-sandbox-{U} access-development-{U} access-production-{U}"},
	{"", "POLAR_TOKEN", "A Polar access token.", "polar_at_{b20-100} polar_oat_{b20-100} polar_pat_{b20-100}"},
	{"", "POSTHOG_KEY", "A PostHog API key.", "phx_{b41} phx_{b43-49} phc_{b41} phc_{b43-44}"},
	{"", "PREFECT_KEY", "A Prefect API key.", "pnu_{a36} pnb_{a36}"},
	{"", "PROOF_KEY", "A Proof API key.", "prf_{a20-80} prf_cli_{a20-80}"},
	{"", "RAMP_SECRET", "A Ramp client id or secret.", "ramp_id_{a40} ramp_sec_{a48}"},
	{"", "README_KEY", "A ReadMe API key.", "rdme_{l70} rdme_{a50-90}"},
	{"", "REDIRECTPIZZA_TOKEN", "A redirect.pizza API token.", "rpa_{a30}"},
	{"", "RUNPOD_KEY", "A RunPod API key.", "rpa_{u40}{a6}"},
	{"", "RENDER_KEY", "A Render API key.", "rnd_{a28}"},
	{"", "ROOTLY_KEY", "A Rootly API key.", "rootly_{h64}"},
	{"", "SALESFORCE_TOKEN", "A Salesforce session or access token.", "00D{a12}!{t80-260}"},
	{"", "SAMSARA_TOKEN", "A Samsara API token.", "samsara_api_{a26-32}"},
	{"", "SCALINGO_TOKEN", "A Scalingo API token.", "tk-us-{b48}"},
	{"", "SEGMENT_TOKEN", "A Segment public API token.", "sgp_{a64}"},
	{"", "SOURCEGRAPH_TOKEN", "A Sourcegraph access token.", "sgp_{H16}_{H40} sgp_local_{H40} sgp_{H40} slk_{H64}"},
	{"", "BREVO_KEY", "A Brevo (Sendinblue) API key.", "xkeysib-{H64}-{a16} xsmtpsib-{H64}-{a16}"},
	{"", "SETTLEMINT_TOKEN", "A SettleMint access token.", "sm_aat_{a16} sm_pat_{a16} sm_sat_{a16}"},
	{"", "SHIPPO_TOKEN", "A Shippo API token.", "shippo_live_{H40} shippo_test_{H40}"},
	{"", "SONAR_TOKEN", "A SonarQube token.", "squ_{a40} sqp_{a40} sqa_{a40}"},
	{"", "TAILSCALE_KEY", "A Tailscale API or auth key.", "tskey-api-{b20-60} tskey-auth-{a8-30}-{a20-40}"},
	{"", "TEAMS_WEBHOOK", "The URL of a Microsoft Teams webhook.", "webhookb2/{l8}-{l4}-{l4}-{l4}-{l12}@{l8}-{l4}-{l4}-{l4}-{l12}/IncomingWebhook/{l32}/{l8}-{l4}-{l4}-{l4}-{l12}"},
	{"", "DISCORD_WEBHOOK", "The URL of a Discord webhook.", "discord.com/api/webhooks/{d17-20}/{b60-80} discordapp.com/api/webhooks/{d17-20}/{b60-80}"},
	{"", "ZAPIER_WEBHOOK", "The URL of a Zapier hook.", "hooks.zapier.com/hooks/catch/{d5-10}/{a6-10}"},
	{"", "TELNYX_KEY", "A Telnyx API key.", "KEY0{X31}_{a22}"},
	{"", "THUNDERSTORE_TOKEN", "A Thunderstore API token.", "tss_{b20-80}"},
	{"", "TOGETHER_KEY", "A Together AI API key.", "tgp_v1_{b43}"},
	{"", "TYPEFORM_TOKEN", "A Typeform personal access token.", "tfp_{t59}"},
	{"", "UNKEY_KEY", "An Unkey root key.", "unkey_{a20-32}"},
	{"", "UPCLOUD_TOKEN", "An UpCloud API token.", "ucat_{a24-32}"},
	{"", "VALTOWN_TOKEN", "A Val Town API token.", "vtwn_{b20-80}"},
	{"", "WAKATIME_KEY", "A WakaTime API key.", "waka_{l36-64} waka_{U}"},
	{"", "WANDB_KEY", "A Weights & Biases API key.", "wandb_v1_{w77}"},
	{"", "WORKATO_TOKEN", "A Workato developer API token.", "wrka-eyJ{b8-400}.{b16-2000}.{b64-700} wrkaus-eyJ{b8-400}.{b16-2000}.{b64-700} wrkaeu-eyJ{b8-400}.{b16-2000}.{b64-700}"},
	{"", "YANDEX_KEY", "A Yandex Cloud API or service account key.", "AQVN{b35-38} YCAJ{b36} YCM{b37}"},
	{"", "ZUPLO_KEY", "A Zuplo consumer API key.", "zpka_{l32}_{h8}"},
	{"", "CURSOR_KEY", "A Cursor API key.", "key_{h64}"},
	{"", "ELEVENLABS_KEY", "An ElevenLabs API key.", "sk_{h48}"},
	{"", "DATABENTO_KEY", "A Databento API key.", "db-{a29}"},
	{"", "BEAMER_TOKEN", "A Beamer API token.", "b_{e44}"},
	{"", "FIREWORKS_KEY", "A Fireworks AI API key.", "fw_{a22-24}"},
	{"", "SMTP2GO_KEY", "An SMTP2GO API key.", "api-{X32}"},
	{"", "RESEND_KEY", "A Resend API key.", "re_{a8}_{a24}"},
	{"", "CLERK_KEY", "A Clerk backend key.", "ak_live_{a32}"},
	{"", "NETLIFY_PAT", "A Netlify personal access token.", "nfp_{a36-60}"},
	{"", "CONTENTFUL_PAT", "A Contentful personal access token.", "CFPAT-{b43}"},
	{"", "TRELLO_TOKEN", "A Trello token.", "ATTA{H60-80}"},
	{"", "TAVILY_KEY", "A Tavily API key.", "tvly-{a30-60} tvly-dev-{b30-60} tvly-prod-{b30-60}"},
	{"", "LANGFUSE_KEY", "A Langfuse secret key.", "sk-lf-{U}"},
	{"", "JINA_KEY", "A Jina AI API key.", "jina_{b56-70}"},
	{"", "FIRECRAWL_KEY", "A Firecrawl API key.", "fc-{h32}"},
	{"", "TENCENT_ID", "A Tencent Cloud secret id.", "AKID{a32}"},
	{"", "VERCEL_BLOB_TOKEN", "A read-write token of Vercel Blob.", "vercel_blob_rw_{a16}_{a24-48}"},
	{"", "DEFINED_TOKEN", "A Defined Networking API token.", "dnkey-{e26}-{e52}"},
	{"", "DROPBOX_TOKEN", "A Dropbox access token.", "sl.{e135-1300} sl.u.{e135-1300}"},
	{"", "MAPBOX_TOKEN", "A Mapbox token.", "sk.eyJ{b60-200}.{b22} pk.eyJ{b60-200}.{b22}"},
}

// named are formats that only the vendor's name tells, in the name that the value
// is assigned to.
var named = []service{
	{"adafruit", "ADAFRUIT_KEY", "An Adafruit IO key.", "{b32}"},
	{"adobe", "ADOBE_ID", "An Adobe client id.", "{H32}"},
	{"airtable", "AIRTABLE_KEY", "An Airtable API key or OAuth token.", "{a17} {u8-24}.v1.{b8-60}.{h20-80}"},
	{"aiven", "AIVEN_TOKEN", "An Aiven authentication token.", "{v372}"},
	{"algolia", "ALGOLIA_KEY", "An Algolia API key.", "{a32}"},
	{"alibaba aliyun", "ALIBABA_SECRET", "An Alibaba Cloud access key secret.", "{a30} CAIS{v20-1000}"},
	{"accesskeysecret", "ALIBABA_STS_SECRET", "An Alibaba Cloud access key secret.", "{a30-64}"},
	{"securitytoken security_token", "ALIBABA_STS_TOKEN", "An Alibaba Cloud security token.", "CAIS{v20-1000}"},
	{"amplitude", "AMPLITUDE_KEY", "An Amplitude secret key.", "{h32}"},
	{"sourcegraph", "SOURCEGRAPH_KEY", "A Sourcegraph access token of the older form.", "{H40}"},
	{"asana", "ASANA_SECRET", "An Asana client id or secret.", "{d16} {a32}"},
	{"assemblyai", "ASSEMBLYAI_KEY", "An AssemblyAI API key.", "{a32}"},
	{"confluence jira atlassian", "ATLASSIAN_KEY", "An Atlassian API token of the older form.", "{a24}"},
	{"bitbucket", "BITBUCKET_SECRET", "A Bitbucket client id or secret.", "{a32} {e64}"},
	{"bitly", "BITLY_TOKEN", "A Bitly access token.", "{h40}"},
	{"bitrise", "BITRISE_TOKEN", "A Bitrise access token.", "{b60-120}"},
	{"bittrex", "BITTREX_KEY", "A Bittrex access or secret key.", "{a32}"},
	{"box boxapi boxtoken boxkey", "BOX_TOKEN", "A Box API access token.", "{a32}"},
	{"canva", "CANVA_ID", "A Canva client id.", "OC-{b8-16}"},
	{"checkout", "CHECKOUT_KEY", "A Checkout.com secret key.", "sk_{U}"},
	{"circleci circle", "CIRCLECI_KEY", "A CircleCI project token.", "{h40}"},
	{"meraki", "MERAKI_KEY", "A Cisco Meraki API key.", "{h40}"},
	{"civo", "CIVO_KEY", "A Civo API key.", "{a50}"},
	{"clickhouse", "CLICKHOUSE_ID", "A ClickHouse Cloud key id.", "{a20}"},
	{"clickup", "CLICKUP_TOKEN", "A ClickUp personal API token.", "pk_{d8-9}_{a32}"},
	{"clerk", "CLERK_SECRET", "A Clerk secret key.", "sk_test_{a32} sk_live_{a32}"},
	{"cloudinary", "CLOUDINARY_SECRET", "A Cloudinary API key or secret.", "{d15} {a32} {b27}"},
	{"codecov", "CODECOV_TOKEN", "A Codecov upload token.", "{U} {n36}"},
	{"coinbase", "COINBASE_TOKEN", "A Coinbase access token.", "{b64}"},
	{"configcat", "CONFIGCAT_SDK_KEY", "A ConfigCat SDK key of the older form.", "{b22}/{b22}"},
	{"confluent", "CONFLUENT_KEY", "A Confluent access key or secret.", "{a16} {a64}"},
	{"contentful", "CONTENTFUL_TOKEN", "A Contentful API token.", "{e43}"},
	{"couchbase capella", "COUCHBASE_KEY", "A Couchbase Capella API key or secret.", "{s60-120}{=0-2}"},
	{"coveralls", "COVERALLS_TOKEN", "A Coveralls personal API token.", "{n37}"},
	{"datadog", "DATADOG_APP_KEY", "A Datadog application key.", "{n40}"},
	{"datagov data.gov data_gov", "DATAGOV_KEY", "A data.gov API key.", "{a40}"},
	{"deepgram", "DEEPGRAM_KEY", "A Deepgram API key.", "{h40}"},
	{"deepseek", "DEEPSEEK_KEY", "A DeepSeek API key.", "sk-{h32}"},
	{"discord", "DISCORD_SECRET", "A Discord client id or secret.", "{h64} {d18} {e32}"},
	{"disqus", "DISQUS_KEY", "A Disqus API key.", "{a64}"},
	{"droneci drone", "DRONECI_TOKEN", "A Drone CI access token.", "{a32}"},
	{"dropbox", "DROPBOX_SECRET", "A Dropbox app secret or long-lived token.", "{a15} {a11}AAAAAAAAAA{e43}"},
	{"ebay", "EBAY_SECRET", "An eBay application id or secret.", "PRD-{h8}-{h4}-{h4}-{h4}-{h4-12} {a3-40}-{a3-40}-PRD-{h8-12}-{h8-12}"},
	{"etsy", "ETSY_KEY", "An Etsy API key.", "{a24}:{a10-64} {a24}"},
	{"x-api-key", "ETSY_KEY", "An Etsy API key.", "{a24}:{a10-64}"},
	{"exoscale", "EXOSCALE_SECRET", "An Exoscale API secret.", "{b40-60}"},
	{"facebook fb", "FACEBOOK_SECRET", "A Facebook app secret or app token.", "{h32} {d15-16}|{b27-40}"},
	{"fastly", "FASTLY_TOKEN", "A Fastly API token.", "{b32}"},
	{"x-figma-token xfigmatoken x_figma_token figma", "FIGMA_KEY", "A Figma personal access token of the older form.", "{H4}-{H8}-{H4}-{H4}-{H4}-{H12}"},
	{"finicity", "FINICITY_SECRET", "A Finicity API token or client secret.", "{h32} {a20}"},
	{"finnhub", "FINNHUB_TOKEN", "A Finnhub access token.", "{a20}"},
	{"flickr", "FLICKR_TOKEN", "A Flickr access token.", "{a32}"},
	{"freshbooks", "FRESHBOOKS_TOKEN", "A FreshBooks access token.", "{a64}"},
	{"fullstory fs", "FULLSTORY_KEY", "A FullStory API key.", "na1.{a20-200} eu1.{a20-200}"},
	{"gitea", "GITEA_TOKEN", "A Gitea access token.", "{h40}"},
	{"gitter", "GITTER_TOKEN", "A Gitter access token.", "{b40}"},
	{"greptile", "GREPTILE_KEY", "A Greptile API key.", "{s48}"},
	{"gumroad", "GUMROAD_TOKEN", "A Gumroad access token.", "{h64} {n43}"},
	{"heroku", "HEROKU_TOKEN", "A Heroku API key of the older form.", "{U}"},
	{"highnote", "HIGHNOTE_KEY", "A Highnote secret key.", "sk_live_a2V5Xz{s60-80}{=0-2}"},
	{"honeycomb", "HONEYCOMB_KEY", "A Honeycomb API key.", "{h32} {a22}"},
	{"hubspot", "HUBSPOT_KEY", "A HubSpot API key.", "{U} pat-na1-{U} pat-eu1-{U}"},
	{"ibm ibmcloud bx", "IBM_KEY", "An IBM Cloud user API key.", "{b42-44}"},
	{"influx influxdb", "INFLUXDB_TOKEN", "An InfluxDB API token.", "{v86-120}"},
	{"infomaniak", "INFOMANIAK_TOKEN", "An Infomaniak API token.", "{b60-100}"},
	{"intercom", "INTERCOM_KEY", "An Intercom access token.", "{e60}"},
	{"jumpcloud", "JUMPCLOUD_KEY", "A JumpCloud API key.", "{a40}"},
	{"jfrog artifactory bintray xray", "JFROG_KEY", "A JFrog API key or identity token.", "{a73} {a64}"},
	{"kagi", "KAGI_KEY", "A Kagi API key.", "{b11}.{b43}"},
	{"kimi moonshot", "MOONSHOT_KEY", "A Moonshot (Kimi) API key.", "sk-{b48}"},
	{"klaviyo", "KLAVIYO_KEY", "A Klaviyo private API key.", "pk_{a34}"},
	{"kraken", "KRAKEN_KEY", "A Kraken API key or secret.", "{v80-90}"},
	{"kucoin", "KUCOIN_KEY", "A KuCoin access token or secret.", "{h24} {U}"},
	{"lark larksuite", "LARK_SECRET", "An app secret of Lark.", "{a32}"},
	{"launchdarkly", "LAUNCHDARKLY_KEY", "A LaunchDarkly access token or SDK key.", "{e40} sdk-{U} api-{U}"},
	{"lighton paradigm", "LIGHTON_KEY", "A LightOn Paradigm API key.", "{b40-80}"},
	{"linear", "LINEAR_SECRET", "A Linear client secret.", "{h32}"},
	{"linkedin linked_in linked-in", "LINKEDIN_SECRET", "A LinkedIn client id or secret.", "{a14} {a16}"},
	{"lob", "LOB_KEY", "A Lob API key.", "live_{h35} test_{h35} live_pub_{h31} test_pub_{h31}"},
	{"looker", "LOOKER_SECRET", "A Looker client id or secret.", "{a20} {a24}"},
	{"mailchimp mailchimpsdk", "MAILCHIMP_KEY", "A Mailchimp API key.", "{h32}-us{d1-2}"},
	{"mailgun mg", "MAILGUN_SIGNING_KEY", "A Mailgun webhook signing key or API key.", "{g32}-{g8}-{g8}"},
	{"mapbox", "MAPBOX_KEY", "A Mapbox token.", "pk.{a60-120}.{b22}"},
	{"mattermost", "MATTERMOST_TOKEN", "A Mattermost access token.", "{a26}"},
	{"messagebird message-bird message_bird", "MESSAGEBIRD_KEY", "A MessageBird API key or client id.", "{a25} {U}"},
	{"mistral mistralai", "MISTRAL_TOKEN", "A Mistral API key.", "{a32}"},
	{"netlify", "NETLIFY_TOKEN", "A Netlify access token.", "{e40-46}"},
	{"newrelic new-relic new_relic", "NEWRELIC_ID", "A New Relic user API key of the older form.", "{a64}"},
	{"nytimes new-york-times newyorktimes", "NYTIMES_KEY", "A New York Times API key.", "{e32}"},
	{"okta", "OKTA_TOKEN", "An Okta access token.", "00{e40}"},
	{"ollama", "OLLAMA_KEY", "An Ollama API key.", "{h32}.{b24}"},
	{"openweather openweathermap pyowm", "OPENWEATHER_KEY", "An OpenWeather API key.", "{l32}"},
	{"ovh", "OVH_TOKEN", "An OVHcloud key.", "{a16} {a32}"},
	{"application_key application_secret application-key application-secret applicationkey applicationsecret consumer_key consumer-key consumerkey app_key app_secret appkey appsecret", "OVH_KEY", "An OVHcloud application key, application secret or consumer key.", "{a16} {a32}"},
	{"pinecone", "PINECONE_ID", "A Pinecone API key of the older form.", "{U}"},
	{"plaid", "PLAID_SECRET", "A Plaid client id or secret.", "{a24} {a30}"},
	{"planetscale pscale", "PLANETSCALE_ID", "A PlanetScale user name.", "{l12}"},
	{"plivo", "PLIVO_TOKEN", "A Plivo auth id or token.", "MA{u18} {b40}"},
	{"polymarket poly", "POLYMARKET_KEY", "A Polymarket key, secret or passphrase.", "0x{H64} 0x{H40} {U} {s40-90}{=0-2}"},
	{"privateai private_ai private-ai", "PRIVATEAI_TOKEN", "A Private AI API token.", "{a32}"},
	{"rainforest rainforestpay", "RAINFOREST_KEY", "A Rainforest Pay API key.", "apikey_{h64}"},
	{"rapidapi", "RAPIDAPI_KEY", "A RapidAPI key.", "{b50}"},
	{"scaleway scw", "SCALEWAY_KEY", "A Scaleway secret key.", "{U}"},
	{"scalr", "SCALR_TOKEN", "A Scalr API access token.", "eyJ{b20-400}.eyJ{b20-400}.{b43}"},
	{"sendbird", "SENDBIRD_TOKEN", "A Sendbird access id or token.", "{U} {h40}"},
	{"sentry", "SENTRY_KEY", "A Sentry access token of the older form.", "{h64}"},
	{"snowflake sf_token", "SNOWFLAKE_TOKEN", "A Snowflake programmatic access token.", "{t100-500}"},
	{"snyk", "SNYK_TOKEN", "A Snyk API or OAuth token.", "{U}"},
	{"sonar sonarqube sonarcloud", "SONAR_KEY", "A SonarQube token of the older form.", "{e40}"},
	{"squarespace", "SQUARESPACE_TOKEN", "A Squarespace access token.", "{U}"},
	{"sslmate", "SSLMATE_KEY", "An SSLMate API key.", "{a36}"},
	{"stability", "STABILITY_KEY", "A Stability AI API key.", "sk-{a48}"},
	{"sumologic sumo", "SUMOLOGIC_KEY", "A Sumo Logic access id or key.", "su{a12} {a64}"},
	{"tableau", "TABLEAU_TOKEN", "A Tableau personal access token.", "{s22}==:{a32}"},
	{"telegram telegr telegraf", "TELEGRAM_BOT", "A Telegram bot token.", "{d5-16}:A{b34}"},
	{"telnyx", "TELNYX_TOKEN", "A Telnyx API key.", "KEY{b55}"},
	{"travis travisci", "TRAVISCI_TOKEN", "A Travis CI access token.", "{a22}"},
	{"twitch", "TWITCH_TOKEN", "A Twitch API token.", "{a30}"},
	{"twitter", "TWITTER_SECRET", "A Twitter (X) API key, token or secret.", "{a25} {a45} {a50} {d15-25}-{a20-40} AAAAAAAAAAAAAAAAAAAAAA{v80-100} AAAAAAAAAAAAAAAAAAAAAA{a20-60}%{a20-80}"},
	{"upstage", "UPSTAGE_KEY", "An Upstage API key.", "{a40-50}"},
	{"vercel", "VERCEL_KEY", "A Vercel access token of the older form.", "{a24}"},
	{"wakatime waka_time waka-time waka.time", "WAKATIME_ID", "A WakaTime API key of the older form.", "{U}"},
	{"weatherstack", "WEATHERSTACK_KEY", "A Weatherstack API key.", "{a32}"},
	{"wandb weightsandbiases", "WANDB_TOKEN", "A Weights & Biases API key of the older form.", "{h40}"},
	{"workos", "WORKOS_KEY", "A WorkOS production API key.", "sk_live_a2V5Xz{s60-80}{=0-2}"},
	{"yandex", "YANDEX_TOKEN", "A Yandex access token or key.", "t1.{e8-400}.{e86-88} YC{b38}"},
	{"zai z_ai z.ai glm zlm zhipu", "ZAI_KEY", "A Z.ai API key.", "{h32}.{a16}"},
	{"zendesk", "ZENDESK_KEY", "A Zendesk secret key.", "{a40}"},
	{"bundle_enterprise__contribsys__com bundle_gems__contribsys__com", "SIDEKIQ_SECRET", "A Sidekiq Pro or Enterprise gem credential.", "{h8}:{h8}"},
}

// serviceForm is one pattern of a service, compiled.
type serviceForm struct {
	typ     *classifiers.Type
	pattern pattern
	// numeric says that the pattern is of digits only: an identifier, mostly,
	// which the name must call an id or a key.
	numeric bool
	// beside is a word that must stand in the text around: the name alone says
	// too little.
	beside string
}

// compiled makes the forms of one service.
func compiled(sv service) (*classifiers.Type, []serviceForm) {
	t := secret(sv.typ, sv.doc)
	var forms []serviceForm
	for _, p := range strings.Fields(sv.patterns) {
		f := serviceForm{typ: t, pattern: compile(strings.ReplaceAll(p, "·", " "))}
		if sv.typ == "OVH_KEY" {
			f.beside = "ovh"
		}
		f.numeric = len(f.pattern) == 1 && f.pattern[0].set == digits
		forms = append(forms, f)
	}
	return t, forms
}

// longLead is the length from which the text that begins a token tells by itself.
const longLead = 24

// judgeable reports whether a body has the digits and letters of one that was
// drawn, or is long enough to do without digits.
func (f *serviceForm) judgeable(body string) bool {
	d, u, l := count(body)
	return d > 0 && u+l > 0 || len(body) >= 30 && u > 2 && l > 2
}

// serviceTokens finds tokens that begin with text of their own.
func serviceTokens() *classifiers.Detector {
	d := &classifiers.Detector{
		Name: "service_token", Version: 1,
		Doc: `Tokens of some hundred services that begin with text of their own and go on with a fixed number of characters of one
alphabet, as the services document or hand out. Placeholders, rows of one character and longer words are none; bodies that count
up (abcd1234) are synthetic.`,
		NearMisses: []string{
			"the api_live endpoints, sgp_short, rnd_1, db-primary-replica-2 and key_value_store_0123456789abcdef",
			"persona_production_your_key_here_0000 pina_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
			"https://example.org/favicon.ico-3c9e1f7ab2d84560e7c1a9f04b6d2e58.png and msgid \"REST-API-ZUGRIFFSBERECHTIGUNGSPRUEFUNG\"",
			"API_ORG_LIST(\"https://acme.test/cgi-bin/teams/list?page=1\"), STS.AssumeRoleWithWebIdentity",
		},
	}
	var forms []serviceForm
	var leads []string
	for i, sv := range tokens {
		t, list := compiled(sv)
		d.Types = append(d.Types, t)
		for n, f := range list {
			forms = append(forms, f)
			leads = append(leads, f.pattern.lead())
			d.Positives = append(d.Positives, "key = \"[["+t.Name+"|"+f.sample(uint64(i*7+n+3))+"]]\"")
		}
	}
	d.Interests = []classifiers.Interest{{Shape: classifiers.Prefix, Literals: leads, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
		f := &forms[c.Literal]
		end := f.pattern.match(s.Text, c.Start)
		if end < 0 {
			return
		}
		start := c.Start
		switch s.Before(start) {
		case '-', '/', '.':
			// Part of a longer name, a path or a host.
			if lead := s.Text[c.Start:c.End]; strings.IndexByte(lead, '/') < 0 && alnum[s.Before(start-1)] && len(lead) < 8 {
				return
			}
		case '_':
			return
		case '$':
			start--
		}
		body := s.Text[c.End:end]
		for len(body) > 0 && (body[len(body)-1] == '-' || body[len(body)-1] == '.') {
			body = body[:len(body)-1]
			end--
		}
		if c.End-c.Start < longLead && !f.judgeable(body) {
			return
		}
		kind := weigh(body)
		// Short leads are words of other things too; what follows must be drawn.
		lead := c.End - c.Start
		if kind == filler || lead < 5 && (rarity(body) < rareToken-5 || hexAny.span(body, 0, 40) < len(body) && wordsJoined(body)) {
			return
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: f.typ, Likelihood: veryLikely, Synthetic: kind == madeUp, Rule: "prefix"})
		s.Resume(end)
	}}}
	return d
}

// wordsJoined reports whether a body is words joined by hyphens or underscores.
func wordsJoined(b string) bool {
	return strings.Count(b, "-")+strings.Count(b, "_") > 1+len(b)/8
}

// serviceKeys finds values whose name begins with a vendor's.
func serviceKeys() *classifiers.Detector {
	d := &classifiers.Detector{
		Name: "service_key", Version: 1,
		Doc: `Keys of some hundred services that have no text of their own: the name that the value is assigned to begins with the
vendor's (ALGOLIA_API_KEY=…, "asanaClientSecret": "…"), and the value has the length and alphabet that the vendor hands out.
Digests, words, placeholders and counted rows are none.`,
		NearMisses: []string{
			"dropbox = dropboxClient1; linear: linearGradient; sumOfParts = 42; box_size = 32; the lark at 5",
			"asana_url = https://acme.test/a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6 gitea commit: " + draw(hexLower, 40, 5),
			"TWITCH_TOKEN=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx OKTA_TOKEN=${OKTA_TOKEN} ALGOLIA_API_KEY=<your key> kraken: true",
		},
	}
	var words []string
	var which []int // service of each word
	var list [][]serviceForm
	for i, sv := range named {
		t, forms := compiled(sv)
		d.Types = append(d.Types, t)
		list = append(list, forms)
		w := strings.Fields(sv.words)
		for _, x := range w {
			words = append(words, x)
			which = append(which, i)
		}
		for n, f := range forms {
			name := strings.ToUpper(w[0]) + "_KEY"
			if f.beside != "" {
				name = f.beside + ": " + name
			}
			d.Positives = append(d.Positives, name+"=\"[["+t.Name+"|"+f.sample(uint64(i*5+n+11))+"]]\"")
		}
	}
	keys := vendorKeys{words, which, list}
	d.Interests = []classifiers.Interest{
		{Shape: classifiers.Prefix, Literals: words, Judge: keys.judge},
		{Shape: classifiers.Whole, Judge: keys.field},
	}
	return d
}

// vendorKeys are the words of vendors, the service of each, and the forms of the
// services.
type vendorKeys struct {
	words []string
	which []int
	forms [][]serviceForm
}

// judge reads what a name that begins with a vendor's word is assigned.
func (k *vendorKeys) judge(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if !vendorWord(t, c.Start, c.End) {
		return
	}
	v, ok := valueAfter(t, c.End, true)
	if !ok || v.end == v.start {
		return
	}
	k.weigh(s, k.which[c.Literal], t[c.Start:v.nameEnd], v)
}

// field judges a text that is the whole value of a field whose name has a
// vendor's word.
func (k *vendorKeys) field(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	if s.Key == "" || c.Start != 0 || len(t) < 12 || len(t) > maxValue || strings.IndexByte(t, ' ') >= 0 || len(s.Key) > maxKey {
		return
	}
	key := lowered(s.Key)
	for i, w := range k.words {
		if at := strings.Index(key, w); at >= 0 && (at == 0 || !letters[key[at-1]] || letters[s.Key[at]] && s.Key[at] < 'a') {
			k.weigh(s, k.which[i], s.Key[at:], value{end: len(t), quote: '"'})
		}
	}
}

// maxKey bounds the names of fields that are looked through.
const maxKey = 256

// weigh reports a value that has one of the service's forms.
func (k *vendorKeys) weigh(s *classifiers.Scan, which int, name string, v value) {
	t := s.Text
	forms := k.forms[which]
	for i := range forms {
		f := &forms[i]
		end := f.pattern.match(t, v.start)
		if end < 0 || end < v.end && v.quote != 0 && v.end-end > 2 {
			continue
		}
		if f.beside != "" && !nearby(t, v.start, end, f.beside) {
			continue
		}
		kind := f.fits(name, t[v.start:end])
		if kind == filler {
			continue
		}
		s.Find(classifiers.Found{Start: v.start, End: end, Type: f.typ, Likelihood: likely, Synthetic: kind == madeUp, Rule: "vendor_name"})
		return
	}
}

// nearbyReach is how far around a value a word of its vendor is looked for.
const nearbyReach = 400

// nearby reports whether a word of small letters stands within reach, in any
// case.
func nearby(t string, start, end int, word string) bool {
	from, to := max(0, start-nearbyReach), min(len(t), end+nearbyReach)
	return strings.Contains(strings.ToLower(t[from:to]), word)
}

// vendorWord reports whether [start, end) is a word of its own inside a name:
// acme, ACME, AcmeToken, acme_token, and not the beginning of acmeist.
func vendorWord(t string, start, end int) bool {
	if end >= len(t) {
		return false
	}
	next := t[end]
	last := t[end-1]
	if 'a' <= next && next <= 'z' && last >= 'a' {
		// acmetoken=: names of only small letters, in front of an assignment.
		return false
	}
	// sumOf is no sumo.
	return !('A' <= last && last <= 'Z' && end-start > 1 && 'a' <= t[end-2] && t[end-2] <= 'z' && 'a' <= next && next <= 'z')
}

// fits judges the value of a vendor's name.
func (f *serviceForm) fits(name, body string) substance {
	k := kindOf(name)
	switch {
	case k == nameOther || f.numeric && k == nameNone:
		return filler
	case f.numeric:
		var seen [256]bool
		distinct := 0
		for i := 0; i < len(body); i++ {
			if !seen[body[i]] {
				seen[body[i]] = true
				distinct++
			}
		}
		if distinct < 4 {
			return filler
		}
		return random
	case f.pattern[0].set == nil:
		if rest := body[len(f.pattern[0].text):]; f.judgeable(rest) {
			return weigh(rest)
		}
		return filler
	case len(f.pattern) > 1:
		return weigh(body)
	}
	if d, _, _ := count(body); d == 0 && len(body) < 20 {
		return filler
	}
	if hexAny.span(body, 0, len(body)) < len(body) && rarity(body) < rareToken-4 {
		return filler
	}
	return weigh(body)
}

// sample makes a token of the form that looks drawn: short ones may miss a digit
// by chance.
func (f *serviceForm) sample(seed uint64) string {
	for {
		b := f.pattern.sample(seed)
		if f.fits("key", b) == random && b[0] != '+' {
			return b
		}
		seed += 1009
	}
}
