package secrets

import (
	"hash/crc32"
	"strings"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

func secret(name, doc string, aliases ...string) *classifiers.Type {
	return &classifiers.Type{Name: "SECRET_" + name, Groups: []string{classifiers.Credential}, Doc: doc, Severity: classifiers.Critical, Aliases: aliases}
}

const (
	likely     = proxy.Likely
	veryLikely = proxy.VeryLikely
)

// one makes a vendor with one type, whose forms all have it.
func one(name, typ, doc, typDoc string, forms ...form) vendor {
	t := secret(typ, typDoc)
	for i := range forms {
		forms[i].typ = t
	}
	return vendor{name: name, doc: doc, types: []*classifiers.Type{t}, forms: forms}
}

// fixed is a prefix and exactly n characters.
func fixed(prefix string, set *charset, n int) form {
	return form{prefix: prefix, set: set, min: n, max: n, level: veryLikely}
}

// open is a prefix and low to high characters.
func open(prefix string, set *charset, low, high int) form {
	return form{prefix: prefix, set: set, min: low, max: high, level: veryLikely}
}

// beside is a token without a prefix, which only a word near tells.
func beside(cue *hint, lead string, set *charset, n int) form {
	return form{set: set, min: n, max: n, level: likely, cue: cue, needs: true, lead: lead}
}

// crc reports the likelihood of a token whose last six characters are the CRC-32
// of the rest in base 62, as GitHub and npm publish it: a wrong sum still has
// the whole format.
func crc(body string) proxy.Likelihood {
	if len(body) == 36 && crc62(body[:30]) == body[30:] {
		return veryLikely
	}
	return likely
}

// crc62 gives the CRC-32 (IEEE) in base 62, padded to six characters.
func crc62(s string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n := crc32.ChecksumIEEE([]byte(s))
	var out [6]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = alphabet[n%62]
		n /= 62
	}
	return string(out[:])
}

func withCRC(seed uint64) func() string {
	return func() string { b := draw(alnum, 30, seed); return b + crc62(b) }
}

// mixture reports likely where a body has digits and letters in the measure of
// a random token, and not that of words joined by hyphens.
func mixture(body string) proxy.Likelihood {
	d, u, l := count(body)
	if d < 3 || u+l < 3 || strings.Count(body, "-")+strings.Count(body, "_") > len(body)/6 {
		return 0
	}
	return likely
}

// table lists the vendors in alphabetical order of their names.
func table() []vendor {
	cf := newHint("cloudflare", "cf", "cf api")
	dd := newHint("datadog", "datadoghq", "dd", "ddog")
	heroku := newHint("heroku")
	pd := newHint("pagerduty", "pager duty")
	mistral := newHint("mistral", "mistralai")
	cohere := newHint("cohere", "co api", "cohereai")
	twilio := newHint("twilio", "sid")
	mailgun := newHint("mailgun", "mg")
	return []vendor{
		one("airtable", "AIRTABLE_TOKEN", "Airtable personal access tokens: pat, 14 characters, a dot and 64 hexadecimal digits (airtable.com developer documentation).", "An Airtable personal access token.",
			form{prefix: "pat", set: chars("0-9a-zA-Z."), min: 79, max: 79, level: veryLikely, check: func(b string) proxy.Likelihood {
				if b[14] != '.' || hexLower.span(b, 15, 64) != 79 {
					return 0
				}
				return veryLikely
			}, sample: func() string { return draw(alnum, 14, 3) + "." + draw(hexLower, 64, 4) }}),
		anthropic(),
		one("atlassian", "ATLASSIAN_TOKEN", "Atlassian API tokens: ATATT3 and about 186 characters of base64url (Atlassian support pages); repository tokens of Bitbucket begin with ATCTT3. Older tokens are 24 small letters and digits and are taken beside the vendor's name only.", "An Atlassian API token.",
			open("ATATT3", chars("0-9a-zA-Z_=-"), 150, 250), open("ATCTT3", chars("0-9a-zA-Z_=-"), 150, 250),
			beside(newHint("atlassian", "jira", "confluence", "bitbucket"), "jira_api_token", lower, 24)),
		aws(),
		azure(),
		one("cerebras", "CEREBRAS_KEY", "Cerebras API keys: csk- and 48 characters (inference-docs.cerebras.ai).", "A Cerebras API key.", fixed("csk-", lower, 48)),
		one("clojars", "CLOJARS_TOKEN", "Clojars deploy tokens: CLOJARS_ and 60 hexadecimal digits or small letters (clojars documentation on deploy tokens).", "A Clojars deploy token.", fixed("CLOJARS_", lower, 60)),
		one("cloudflare", "CLOUDFLARE_TOKEN", "Cloudflare API tokens (40 characters) and global keys (37 hexadecimal digits), which have no prefix and are taken beside the vendor's name only, and origin CA keys, v1.0- and 24 and 146 hexadecimal digits (developers.cloudflare.com).", "A Cloudflare API token or key.",
			beside(cf, "cloudflare_api_token ", base64u, 40), beside(cf, "CLOUDFLARE_API_KEY", hexLower, 37),
			form{prefix: "v1.0-", set: chars("0-9a-f-"), min: 171, max: 171, level: veryLikely, sample: func() string { return draw(hexLower, 24, 1) + "-" + draw(hexLower, 146, 2) }}),
		one("cohere", "COHERE_KEY", "Cohere API keys: 40 letters and digits without a prefix, taken beside the vendor's name only (docs.cohere.com).", "A Cohere API key.", beside(cohere, "cohere api key ", alnum, 40)),
		one("databricks", "DATABRICKS_TOKEN", "Databricks personal access tokens: dapi and 32 hexadecimal digits, then perhaps a hyphen and a digit (docs.databricks.com).", "A Databricks personal access token.",
			form{prefix: "dapi", set: chars("0-9a-f-"), min: 32, max: 34, level: veryLikely, check: func(b string) proxy.Likelihood {
				if hexLower.span(b, 0, 32) != 32 || len(b) == 33 || len(b) == 34 && b[32] != '-' {
					return 0
				}
				return veryLikely
			}, sample: func() string { return draw(hexLower, 32, 9) }}),
		one("datadog", "DATADOG_KEY", "Datadog API keys (32 hexadecimal digits) and application keys (40), which have no prefix and are taken beside the vendor's name only (docs.datadoghq.com).", "A Datadog API or application key.",
			beside(dd, "datadog api_key: ", lower, 32), beside(dd, "DD_APP_KEY", lower, 40)),
		one("digitalocean", "DIGITALOCEAN_TOKEN", "DigitalOcean tokens: dop_v1_ (personal), doo_v1_ (OAuth) or dor_v1_ (refresh) and 64 hexadecimal digits (docs.digitalocean.com).", "A DigitalOcean access token.",
			fixed("dop_v1_", hexLower, 64), fixed("doo_v1_", hexLower, 64), fixed("dor_v1_", hexLower, 64)),
		discord(),
		one("docker", "DOCKER_TOKEN", "Docker Hub access tokens: dckr_pat_ and 27, or dckr_oat_ and 32 characters of base64url (docs.docker.com); swarm join tokens begin with SWMTKN-1-.", "A Docker access or join token.",
			fixed("dckr_pat_", base64u, 27), fixed("dckr_oat_", base64u, 32),
			form{prefix: "SWMTKN-1-", set: chars("0-9a-z-"), min: 70, max: 90, level: veryLikely}),
		one("doppler", "DOPPLER_TOKEN", "Doppler tokens: dp.pt., dp.st. and their kin, and 40 to 44 letters and digits (docs.doppler.com).", "A Doppler token.",
			open("dp.pt.", alnum, 40, 44), open("dp.st.", dotted, 40, 80), open("dp.sa.", alnum, 40, 44), open("dp.ct.", alnum, 40, 44)),
		one("figma", "FIGMA_TOKEN", "Figma personal access tokens: figd_ and about 40 characters of base64url (figma.com developer documentation).", "A Figma personal access token.", open("figd_", base64u, 38, 44)),
		one("flyio", "FLYIO_TOKEN", "Fly.io tokens: fm1, fm2 and their kin before 100 or more characters of base64, mostly after the word FlyV1 (fly.io/docs).", "A Fly.io access token.",
			open("FlyV1 ", chars("0-9a-zA-Z+/=_,-"), 100, maxToken-1), open("fm1r_", chars("0-9a-zA-Z+/=_-"), 90, maxToken-1), open("fm1a_", chars("0-9a-zA-Z+/=_-"), 90, maxToken-1), open("fm2_", chars("0-9a-zA-Z+/=_-"), 90, maxToken-1), open("fo1_", base64u, 43, 43)),
		github(),
		gitlab(),
		google(),
		one("grafana", "GRAFANA_TOKEN", "Grafana service account tokens, glsa_, 32 characters and an 8-digit checksum, and cloud access policy tokens, glc_ and base64 (grafana.com/docs).", "A Grafana token.",
			form{prefix: "glsa_", set: wordy, min: 41, max: 41, level: veryLikely, check: func(b string) proxy.Likelihood {
				if b[32] != '_' || hexAny.span(b, 33, 8) != 41 {
					return 0
				}
				return veryLikely
			}, sample: func() string { return draw(alnum, 32, 5) + "_" + draw(hexLower, 8, 6) }},
			open("glc_", chars("0-9a-zA-Z+/="), 32, 400)),
		one("groq", "GROQ_KEY", "Groq API keys: gsk_ and 52 letters and digits (console.groq.com).", "A Groq API key.", fixed("gsk_", alnum, 52)),
		one("hashicorp_terraform", "TERRAFORM_TOKEN", "HCP Terraform API tokens: 14 characters, .atlasv1. and 60 to 70 characters (developer.hashicorp.com).", "A Terraform API token.").with(terraform),
		one("hashicorp_vault", "VAULT_TOKEN", "HashiCorp Vault tokens: hvs. (service), hvb. (batch) or hvr. (recovery) and base64url; older service tokens, s. and 24 characters, need the word vault near (developer.hashicorp.com).", "A Vault token.",
			open("hvs.", base64u, 24, 300), open("hvb.", base64u, 100, 400), open("hvr.", base64u, 24, 300),
			form{prefix: "s.", set: alnum, min: 24, max: 24, level: likely, cue: newHint("vault", "hashicorp", "token"), needs: true, lead: "vault token ", check: mixture}),
		one("heroku", "HEROKU_KEY", "Heroku API keys: HRKU-AA and 58 characters; older ones are UUIDs and are taken beside the vendor's name only (devcenter.heroku.com).", "A Heroku API key.",
			fixed("HRKU-AA", base64u, 58),
			form{set: chars("0-9a-fA-F-"), min: 36, max: 36, level: likely, cue: heroku, needs: true, lead: "heroku_api_key", check: isUUID, sample: drawUUID}),
		one("huggingface", "HF_TOKEN", "Hugging Face tokens: hf_ or api_org_ and 34 letters (huggingface.co/docs).", "A Hugging Face token.",
			form{prefix: "hf_", set: alnum, min: 34, max: 38, level: veryLikely, words: true, check: mixedCase, sample: func() string { return draw(letters, 34, 7) }},
			form{prefix: "api_org_", set: alnum, min: 34, max: 38, level: veryLikely, words: true, check: mixedCase, sample: func() string { return draw(letters, 34, 8) }}),
		one("linear", "LINEAR_KEY", "Linear API keys: lin_api_ and 40 letters and digits; OAuth tokens begin with lin_oauth_ (developers.linear.app).", "A Linear API key.",
			open("lin_api_", alnum, 40, 48), open("lin_oauth_", alnum, 40, 72)),
		one("mailgun", "MAILGUN_KEY", "Mailgun private keys: key- and 32 hexadecimal digits (documentation.mailgun.com).", "A Mailgun API key.",
			form{prefix: "key-", set: hexLower, min: 32, max: 32, level: likely, cue: mailgun}, form{prefix: "pubkey-", set: hexLower, min: 32, max: 32, level: likely, cue: mailgun}),
		one("mistral", "MISTRAL_KEY", "Mistral API keys: 32 letters and digits without a prefix, taken beside the vendor's name only (docs.mistral.ai).", "A Mistral API key.", beside(mistral, "mistral_api_key", alnum, 32)),
		one("mongodb_atlas", "MONGODB_ATLAS_SECRET", "MongoDB Atlas service account secrets: mdb_sa_sk_ and 40 characters of base64url (mongodb.com/docs/atlas).", "A MongoDB Atlas service account secret.", fixed("mdb_sa_sk_", base64u, 40)),
		one("newrelic", "NEWRELIC_KEY", "New Relic keys: NRAK- and 27, NRII- and 32, NRJS- and 19 characters; licence keys end in NRAL (docs.newrelic.com).", "A New Relic key.",
			fixed("NRAK-", alnum, 27), fixed("NRII-", base64u, 32), fixed("NRJS-", hexLower, 19), fixed("NRRA-", hexLower, 42)),
		one("notion", "NOTION_TOKEN", "Notion integration tokens: ntn_ and 46, or the older secret_ and 43 letters and digits (developers.notion.com).", "A Notion integration token.",
			open("ntn_", alnum, 46, 46), form{prefix: "secret_", set: alnum, min: 43, max: 43, level: likely, check: mixture}),
		one("npm", "NPM_TOKEN", "npm access tokens: npm_ and 36 letters and digits, the last six a CRC-32 in base 62 (docs.npmjs.com, github.blog 2021-09).", "An npm access token.",
			form{prefix: "npm_", set: alnum, min: 36, max: 36, check: crc, sample: withCRC(21)}),
		one("nvidia", "NVIDIA_KEY", "NVIDIA API keys: nvapi- and 60 to 70 characters of base64url (docs.nvidia.com/nim).", "An NVIDIA API key.", open("nvapi-", base64u, 60, 70)),
		one("onepassword", "ONEPASSWORD_TOKEN", "1Password service account tokens: ops_eyJ and 250 or more characters of base64 (developer.1password.com).", "A 1Password service account token.", open("ops_eyJ", chars("0-9a-zA-Z+/=_-"), 200, maxToken-1)),
		openai(),
		one("pagerduty", "PAGERDUTY_KEY", "PagerDuty API keys: 20 characters without a prefix, or u+ and 18, taken beside the vendor's name only (support.pagerduty.com).", "A PagerDuty API key.",
			form{set: chars("0-9a-zA-Z_+-"), min: 20, max: 20, level: likely, cue: pd, needs: true, lead: "pagerduty_token", check: mixture}),
		one("perplexity", "PERPLEXITY_KEY", "Perplexity API keys: pplx- and 48 letters and digits (docs.perplexity.ai).", "A Perplexity API key.", open("pplx-", alnum, 48, 56)),
		one("planetscale", "PLANETSCALE_TOKEN", "PlanetScale tokens and passwords: pscale_tkn_, pscale_oauth_ or pscale_pw_ and 32 to 64 characters (planetscale.com/docs).", "A PlanetScale token or password.",
			open("pscale_tkn_", dotted, 32, 64), open("pscale_oauth_", dotted, 32, 64), open("pscale_pw_", dotted, 32, 64)),
		one("postman", "POSTMAN_KEY", "Postman API keys: PMAK-, 24 hexadecimal digits, a hyphen and 34 (learning.postman.com).", "A Postman API key.",
			form{prefix: "PMAK-", set: chars("0-9a-f-"), min: 59, max: 59, level: veryLikely, sample: func() string { return draw(hexLower, 24, 1) + "-" + draw(hexLower, 34, 2) }}),
		one("pulumi", "PULUMI_TOKEN", "Pulumi access tokens: pul- and 40 hexadecimal digits (pulumi.com/docs).", "A Pulumi access token.", fixed("pul-", hexLower, 40)),
		one("pypi", "PYPI_TOKEN", "PyPI upload tokens: pypi- and a macaroon in base64url that names pypi.org or test.pypi.org (pypi.org/help).", "A PyPI upload token.",
			open("pypi-AgE", base64u, 50, 1000)),
		one("replicate", "REPLICATE_TOKEN", "Replicate API tokens: r8_ and 37 letters and digits (replicate.com/docs).", "A Replicate API token.", fixed("r8_", alnum, 37)),
		one("rubygems", "RUBYGEMS_KEY", "RubyGems API keys: rubygems_ and 48 hexadecimal digits (guides.rubygems.org).", "A RubyGems API key.", fixed("rubygems_", hexLower, 48)),
		one("sendgrid", "SENDGRID_KEY", "SendGrid API keys: SG., 22 characters, a dot and 43 of base64url (docs.sendgrid.com).", "A SendGrid API key.",
			form{prefix: "SG.", set: dotted, min: 66, max: 66, level: veryLikely, sample: func() string { return draw(alnum, 22, 1) + "." + draw(alnum, 43, 2) }}),
		one("sentry", "SENTRY_TOKEN", "Sentry tokens: sntryu_ and 64 hexadecimal digits (user), sntrys_ and base64 of a JSON object (organisation) (docs.sentry.io).", "A Sentry auth token.",
			fixed("sntryu_", hexLower, 64), form{prefix: "sntrys_", set: chars("0-9a-zA-Z+/=_"), min: 80, max: 600, check: func(b string) proxy.Likelihood {
				cut := strings.LastIndexByte(b, '_')
				var buf [512]byte
				if cut < 0 {
					return 0
				}
				head, ok := unbase64(buf[:], b[:cut])
				if !ok || !contains(head, `"url"`) || len(b)-cut != 44 {
					return 0
				}
				return veryLikely
			}, sample: func() string {
				return "eyJpYXQiOjE3MDAwMDAwMDAsInVybCI6Imh0dHBzOi8vc2VudHJ5LmlvIiwib3JnIjoiYWNtZSJ9_" + draw(alnum, 43, 3)
			}}),
		one("shopify", "SHOPIFY_TOKEN", "Shopify tokens: shpat_, shpca_, shppa_ or shpss_ and 32 hexadecimal digits (shopify.dev).", "A Shopify access token or secret.",
			fixed("shpat_", hexAny, 32), fixed("shpca_", hexAny, 32), fixed("shppa_", hexAny, 32), fixed("shpss_", hexAny, 32)),
		slack(),
		one("square", "SQUARE_TOKEN", "Square access tokens: EAAA and 60 characters of base64url, or the older sq0atp- and 22, and application secrets, sq0csp- and 43 (developer.squareup.com).", "A Square access token or secret.",
			open("sq0atp-", base64u, 22, 60), open("sq0csp-", base64u, 40, 60), form{prefix: "EAAA", set: base64u, min: 22, max: 64, cue: newHint("square", "squareup"), check: func(b string) proxy.Likelihood {
				if d, u, l := count(b); len(b) < 56 && d > 0 && u > 2 && l > 2 {
					return proxy.Possible
				}
				return mixture(b)
			}, lead: "square "}),
		stripe(),
		one("supabase", "SUPABASE_KEY", "Supabase keys: sbp_ and 40 (management), sb_secret_ and 31 characters (project) (supabase.com/docs).", "A Supabase key.",
			fixed("sbp_", chars("0-9a-z_-"), 40), fixed("sb_secret_", base64u, 31)),
		telegram(),
		one("twilio", "TWILIO_KEY", "Twilio API key SIDs, SK, and account SIDs, AC, with 32 hexadecimal digits (twilio.com/docs). An account SID is a name rather than a secret, and is possible only.", "A Twilio API key or account identifier.",
			form{prefix: "SK", set: hexAny, min: 32, max: 32, level: likely, cue: twilio}).with(twilioAccount),
		one("vercel", "VERCEL_TOKEN", "Vercel tokens: vcp_, vca_, vci_, vcr_ or vck_ and 56 characters of base64url (vercel.com/docs).", "A Vercel token.",
			fixed("vcp_", base64u, 56), fixed("vca_", base64u, 56), fixed("vci_", base64u, 56), fixed("vcr_", base64u, 56), fixed("vck_", base64u, 56)),
		one("xai", "XAI_KEY", "xAI API keys: xai- and 70 to 120 letters and digits (docs.x.ai).", "An xAI API key.", open("xai-", base64u, 70, 120)),
		one("age", "AGE_KEY", "age identities: AGE-SECRET-KEY-1 and 58 characters of the Bech32 alphabet (age-encryption.org/v1).", "An age private key.",
			form{prefix: "AGE-SECRET-KEY-1", set: bech32, min: 58, max: 58, level: veryLikely, words: true, plain: true, check: func(b string) proxy.Likelihood {
				if strings.ContainsAny(b, "1BIO") { // not in the alphabet of BIP 173
					return 0
				}
				return veryLikely
			}, sample: func() string { return draw(chars("02-9AC-HJ-NP-Z"), 58, 1) }}),
	}
}

// with adds what the table cannot say.
func (v vendor) with(extra func(*classifiers.Detector)) vendor {
	v.extra = extra
	return v
}

func mixedCase(body string) proxy.Likelihood {
	if _, u, l := count(body); u < 3 || l < 3 {
		return 0
	}
	return veryLikely
}

func isUUID(b string) proxy.Likelihood {
	for i := 0; i < len(b); i++ {
		if (i == 8 || i == 13 || i == 18 || i == 23) != (b[i] == '-') {
			return 0
		}
	}
	return likely
}

func drawUUID() string {
	h := draw(hexLower, 32, 12)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func anthropic() vendor {
	return one("anthropic", "ANTHROPIC_KEY", "Anthropic keys: sk-ant-, a kind (api03, admin01, oat01, ort01, sid01), a hyphen and about 95 characters of base64url that end in AA (docs.anthropic.com).", "An Anthropic API key or token.",
		form{prefix: "sk-ant-", set: base64u, min: 90, max: 140, check: func(b string) proxy.Likelihood {
			kind, rest, ok := strings.Cut(b, "-")
			if d, _, _ := count(kind); !ok || len(kind) < 4 || len(kind) > 8 || d == 0 || len(rest) < 80 {
				return 0
			}
			if strings.HasSuffix(rest, "AA") {
				return veryLikely
			}
			return proxy.Possible
		}, sample: func() string { return "api03-" + draw(alnum, 93, 3) + "AA" }})
}

// openAIMark is base64 of "OpenAI", which stands inside the keys.
const openAIMark = "T3Blbk" + "FJ"

func openai() vendor {
	key := secret("OPENAI_KEY", "An OpenAI API key.")
	other := genericType
	marked := func(b string) proxy.Likelihood {
		if strings.Contains(b, openAIMark) {
			return veryLikely
		}
		return mixture(b)
	}
	around := func(n int, seed uint64) func() string {
		return func() string { return draw(alnum, n, seed) + openAIMark + draw(alnum, n, seed+1) }
	}
	v := vendor{name: "openai", types: []*classifiers.Type{key, other},
		doc: "OpenAI API keys: sk-, perhaps a kind (proj, svcacct, admin), and characters around T3BlbkFJ, base64 of the vendor's name (platform.openai.com). Other services took sk- over (DeepSeek, Moonshot, OpenRouter …): such a key is reported as generic."}
	for i, p := range []string{"sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"} {
		v.forms = append(v.forms, form{typ: key, prefix: p, set: base64u, min: 40, max: 220, check: marked, sample: around(74, uint64(30+i))})
	}
	v.forms = append(v.forms,
		form{typ: key, prefix: "sk-", set: alnum, min: 48, max: 48, check: func(b string) proxy.Likelihood {
			if b[20:28] != openAIMark {
				return 0
			}
			return veryLikely
		}, sample: around(20, 40)},
		form{typ: other, prefix: "sk-or-v1-", set: hexLower, min: 64, max: 64, level: likely},
		form{typ: other, prefix: "sk-", set: base64u, min: 32, max: 200, check: func(b string) proxy.Likelihood {
			for _, p := range []string{"proj-", "svcacct-", "admin-", "None-", "ant-", "or-v1-"} {
				if strings.HasPrefix(b, p) {
					return 0
				}
			}
			if len(b) == 48 && b[20:28] == openAIMark {
				return 0
			}
			return mixture(b)
		}})
	return v
}

var awsCue = newHint("aws", "amazon", "secret access", "secret accesskey", "secret key", "secretkey", "secretaccesskey", "awssecretaccesskey", "access key", "accesskey", "accesskeyid", "iam", "boto", "akia", "asia", "s3")

func aws() vendor {
	id := secret("AWS_ACCESS_KEY", "An AWS access key id.", "SECRET_AWS_ACCESS_KEY_ID")
	key := secret("AWS_SECRET_KEY", "An AWS secret access key.", "SECRET_AWS_SECRET_ACCESS_KEY")
	bedrock := secret("AWS_BEDROCK_KEY", "An Amazon Bedrock API key.")
	v := vendor{name: "aws", types: []*classifiers.Type{id, key, bedrock},
		doc: "AWS access key ids: AKIA (lasting), ASIA (temporary), ABIA, ACCA and 16 characters of base 32; secret access keys: 40 characters of base64 beside words such as aws or secret key, or an access key id; Bedrock keys: ABSK and base64 (docs.aws.amazon.com, IAM identifiers). The values that the documentation prints end in EXAMPLE and are synthetic."}
	for _, p := range []string{"AKIA", "ASIA", "ABIA", "ACCA"} {
		v.forms = append(v.forms, form{typ: id, prefix: p, set: upper, min: 16, max: 16, level: veryLikely, words: true, check: func(b string) proxy.Likelihood {
			if base32.span(b, 0, 16) != 16 {
				return 0
			}
			return veryLikely
		}, sample: func() string { return draw(base32, 16, 5) }})
	}
	v.forms = append(v.forms,
		form{typ: bedrock, prefix: "ABSK", set: chars("0-9a-zA-Z+/="), min: 100, max: 280, level: veryLikely},
		form{typ: key, set: base64s, min: 40, max: 40, level: likely, cue: awsCue, needs: true, lead: "aws_secret_access_key", check: func(b string) proxy.Likelihood {
			if hexAny.span(b, 0, 40) == 40 || lower.span(b, 0, 40) == 40 {
				return 0 // a digest
			}
			if d, u, l := count(b); d == 0 || u < 4 || l < 4 {
				return 0
			}
			return likely
		}})
	v.extra = func(d *classifiers.Detector) {
		d.Interests = append(d.Interests,
			classifiers.Interest{Shape: classifiers.Prefix, Literals: []string{"AKIA", "ASIA"}, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
				if end := c.Start + 20; strings.HasSuffix(s.Text[c.Start:min(end, len(s.Text))], "EXAMPLE") && upper.span(s.Text, c.Start, 20) == end {
					s.Find(classifiers.Found{Start: c.Start, End: end, Type: id, Likelihood: veryLikely, Synthetic: true})
				}
			}},
			classifiers.Interest{Shape: classifiers.Run, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
				if c.End-c.Start == 40 && strings.HasSuffix(s.Text[c.Start:c.End], "EXAMPLEKEY") {
					s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: key, Likelihood: veryLikely, Synthetic: true})
				}
			}})
		d.Positives = append(d.Positives, "[[synthetic SECRET_AWS_ACCESS_KEY|AKIAIOSFODNN7EXAMPLE]] and [[synthetic SECRET_AWS_SECRET_KEY|wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY]]")
		d.NearMisses = append(d.NearMisses, "aws s3 cp src/main/java/org/acme/billing2/Invoice3 . # sha1 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "AKIASHORT and AKIA0000000000000001")
	}
	return v
}

func github() vendor {
	v := one("github", "GITHUB_TOKEN", "GitHub tokens: ghp_, gho_, ghu_, ghs_ or ghr_ and 36 letters and digits, the last six a CRC-32 in base 62, and fine-grained ones, github_pat_, 22 characters, an underscore and 59 (github.blog 2021-04, docs.github.com).", "A GitHub token.")
	for i, p := range []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"} {
		v.forms = append(v.forms, form{typ: v.types[0], prefix: p, set: alnum, min: 36, max: 36, check: crc, sample: withCRC(uint64(50 + i))})
	}
	v.forms = append(v.forms, form{typ: v.types[0], prefix: "github_pat_", set: wordy, min: 82, max: 82, level: veryLikely, sample: func() string { return draw(alnum, 22, 1) + "_" + draw(alnum, 59, 2) }})
	return v
}

func gitlab() vendor {
	v := one("gitlab", "GITLAB_TOKEN", "GitLab tokens: a prefix such as glpat- (personal), gldt- (deploy), glrt- (runner), glcbt- (job) and 20 or more characters of base64url, newer ones with a dot and a checksum (docs.gitlab.com, token prefixes).", "A GitLab token.",
		form{prefix: "glpat-", set: chars("0-9a-zA-Z_.-"), min: 20, max: 320, level: veryLikely, check: gitlabBody},
		form{prefix: "gldt-", set: base64u, min: 20, max: 64, level: veryLikely},
		form{prefix: "glft-", set: base64u, min: 20, max: 64, level: veryLikely},
		form{prefix: "glffct-", set: base64u, min: 20, max: 64, level: veryLikely},
		form{prefix: "glimt-", set: base64u, min: 25, max: 64, level: veryLikely},
		form{prefix: "glagent-", set: base64u, min: 50, max: 128, level: veryLikely},
		form{prefix: "gloas-", set: base64u, min: 64, max: 64, level: veryLikely},
		form{prefix: "glptt-", set: hexLower, min: 40, max: 40, level: veryLikely},
		form{prefix: "glrt-", set: chars("0-9a-zA-Z_.-"), min: 20, max: 320, level: veryLikely, check: gitlabBody},
		form{prefix: "glsoat-", set: base64u, min: 20, max: 64, level: veryLikely},
		form{prefix: "glcbt-", set: base64u, min: 22, max: 64, level: veryLikely},
		form{prefix: "GR1348941", set: base64u, min: 20, max: 20, level: veryLikely})
	return v
}

// gitlabBody tells a token from one that runs into a file name or sentence: the
// old form has 20 characters, the routable one 27 and more before a dot.
func gitlabBody(b string) proxy.Likelihood {
	dot := strings.IndexByte(b, '.')
	if dot >= 0 && dot < 20 {
		return 0
	}
	return veryLikely
}

func google() vendor {
	key := secret("GOOGLE_API_KEY", "A Google API key.")
	tok := secret("GOOGLE_OAUTH_TOKEN", "A Google OAuth access token.")
	sec := secret("GOOGLE_OAUTH_SECRET", "A Google OAuth client secret.")
	return vendor{name: "google", types: []*classifiers.Type{key, tok, sec},
		doc: "Google API keys: AIza and 35 characters of base64url, or AQ.Ab8RN6 and 44; OAuth access tokens: ya29. and base64url; OAuth client secrets: GOCSPX- and 28 characters (cloud.google.com/docs/authentication).",
		forms: []form{
			{typ: key, prefix: "AIza", set: base64u, min: 35, max: 35, level: veryLikely},
			{typ: key, prefix: "AQ.Ab8RN6", set: base64u, min: 44, max: 44, level: veryLikely},
			{typ: tok, prefix: "ya29.", set: chars("0-9a-zA-Z_.-"), min: 40, max: 1500, level: veryLikely},
			{typ: sec, prefix: "GOCSPX-", set: base64u, min: 28, max: 28, level: veryLikely},
		}}
}

func slack() vendor {
	tok := secret("SLACK_TOKEN", "A Slack token.")
	hook := secret("SLACK_WEBHOOK", "The URL of a Slack webhook.")
	// part wants groups of digits after a kind, as team and user numbers are.
	part := func(least int) func(string) proxy.Likelihood {
		return func(b string) proxy.Likelihood {
			if digits.span(b, 0, 20) < least && !strings.HasPrefix(b, "1-") && !strings.HasPrefix(b, "2-") {
				return proxy.Possible
			}
			return veryLikely
		}
	}
	team := func() string { return draw(digits, 12, 1) + "-" + draw(digits, 12, 2) + "-" + draw(alnum, 24, 3) }
	v := vendor{name: "slack", types: []*classifiers.Type{tok, hook},
		doc: "Slack tokens: xoxb- (bot), xoxp- (user), xoxc-, xoxd-, xoxs-, xoxo-, xoxa-, xoxr- and xoxe- (legacy, session and configuration tokens) and xapp- (app level), with the numbers of team and user; incoming webhooks under hooks.slack.com (api.slack.com/authentication/token-types).",
		forms: []form{
			{typ: tok, prefix: "xoxb-", set: base64u, min: 17, max: 100, check: part(8), sample: team},
			{typ: tok, prefix: "xoxp-", set: base64u, min: 40, max: 120, check: part(8), sample: team},
			{typ: tok, prefix: "xoxe-", set: base64u, min: 40, max: 200, check: part(8), sample: func() string { return "1-" + draw(alnum, 146, 3) }},
			{typ: tok, prefix: "xoxe.xoxb-", set: base64u, min: 100, max: 200, level: veryLikely, sample: func() string { return "1-" + draw(alnum, 163, 3) }},
			{typ: tok, prefix: "xoxe.xoxp-", set: base64u, min: 100, max: 200, level: veryLikely, sample: func() string { return "1-" + draw(alnum, 163, 4) }},
			{typ: tok, prefix: "xoxc-", set: base64u, min: 40, max: 140, check: part(8), sample: team},
			{typ: tok, prefix: "xoxd-", set: chars("0-9a-zA-Z%+/=_\\-"), min: 60, max: 400, level: veryLikely},
			{typ: tok, prefix: "xoxs-", set: base64u, min: 26, max: 140, check: part(5), sample: team},
			{typ: tok, prefix: "xoxo-", set: base64u, min: 26, max: 140, check: part(5), sample: team},
			{typ: tok, prefix: "xoxa-", set: base64u, min: 8, max: 140, check: func(b string) proxy.Likelihood { return mixture(b) }, sample: func() string { return "2-" + draw(alnum, 40, 6) }},
			{typ: tok, prefix: "xoxr-", set: base64u, min: 8, max: 140, check: func(b string) proxy.Likelihood { return mixture(b) }, sample: func() string { return "2-" + draw(alnum, 40, 7) }},
			{typ: tok, prefix: "xapp-", set: base64u, min: 30, max: 160, level: veryLikely, sample: func() string {
				return "1-A" + draw(upper, 10, 1) + "-" + draw(digits, 13, 2) + "-" + draw(hexLower, 64, 3)
			}},
			{typ: hook, prefix: "hooks.slack.com/services/", set: chars("0-9a-zA-Z/+"), min: 40, max: 60, level: veryLikely, sample: func() string {
				return "T" + draw(upper, 8, 1) + "/B" + draw(upper, 10, 2) + "/" + draw(alnum, 24, 3)
			}},
			{typ: hook, prefix: "hooks.slack.com/workflows/", set: chars("0-9a-zA-Z/+"), min: 40, max: 100, level: veryLikely},
			{typ: hook, prefix: "hooks.slack.com/triggers/", set: chars("0-9a-zA-Z/+"), min: 40, max: 100, level: veryLikely},
		}}
	return v
}

func stripe() vendor {
	key := secret("STRIPE_KEY", "A Stripe secret or restricted key.")
	hook := secret("STRIPE_WEBHOOK_SECRET", "A Stripe webhook signing secret.")
	v := vendor{name: "stripe", types: []*classifiers.Type{key, hook},
		doc: "Stripe keys: sk_ (secret) or rk_ (restricted), live or test, and letters and digits; webhook signing secrets: whsec_ and 32 or more (docs.stripe.com/keys). Publishable keys, pk_, are no secrets."}
	for _, p := range []string{"sk_live_", "rk_live_", "sk_prod_", "rk_prod_", "sk_test_", "rk_test_"} {
		f := form{typ: key, prefix: p, set: alnum, min: 10, max: 240, level: veryLikely}
		if strings.HasSuffix(p, "test_") {
			f.level = likely
		}
		f.sample = func() string { return draw(alnum, 24, 71) }
		v.forms = append(v.forms, f)
	}
	v.forms = append(v.forms, form{typ: hook, prefix: "whsec_", set: chars("0-9a-zA-Z+/="), min: 24, max: 80, level: veryLikely})
	return v
}

// Secrets that no prefix begins.

func terraform(d *classifiers.Detector) {
	t := d.Types[0]
	body := draw(alnum, 14, 1) + ".atlasv1." + draw(alnum, 67, 2)
	d.Positives = append(d.Positives, "token = \"[["+t.Name+"|"+body+"]]\"")
	d.NearMisses = append(d.NearMisses, "token = \"xxxxxxxxxxxxxx.atlasv1.zzzzzzzzzzzzz\" short.atlasv1.abc")
	d.Interests = append(d.Interests, classifiers.Interest{Shape: classifiers.Anchor, Literals: []string{".atlasv1."}, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
		start := c.Start - 14
		end := dotted.span(s.Text, c.End, 80)
		if start < 0 || end-c.End < 60 || end-c.End > 72 || alnum.span(s.Text, start, 14) != c.Start || start > 0 && inside(s.Text[start-1]) || weak(s.Text[c.End:end]) {
			return
		}
		s.Find(classifiers.Found{Start: start, End: end, Type: t, Likelihood: veryLikely})
		s.Resume(end)
	}})
}

func twilioAccount(d *classifiers.Detector) {
	t := d.Types[0]
	f := form{typ: t, prefix: "AC", set: hexLower, min: 32, max: 32, level: proxy.Possible}
	token := draw(alnum, 32, 5)
	d.Types = append(d.Types, genericType)
	d.Positives = append(d.Positives, "account [[possible "+t.Name+"|AC"+draw(hexLower, 32, 4)+"]]",
		"Client(\"[["+t.Name+"|SK"+draw(hexLower, 32, 6)+"]]\", \"[[SECRET_GENERIC_API_KEY|"+token+"]]\", sid)")
	d.Interests = append(d.Interests, classifiers.Interest{Shape: classifiers.Prefix, Literals: []string{"AC", "SK"}, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
		if c.Literal == 0 {
			f.prefixed(s, c)
		}
		twilioPair(s, c)
	}})
}

// twilioPair finds the secret that is the next argument after an identifier:
// Client("AC…", "…").
func twilioPair(s *classifiers.Scan, c classifiers.Candidate) {
	t := s.Text
	end := hexAny.span(t, c.End, 33)
	if end-c.End != 32 {
		return
	}
	i := end
	for n := 0; n < 8 && i < len(t) && strings.IndexByte("\"', \n\t", t[i]) >= 0; n++ {
		i++
	}
	stop := alnum.span(t, i, 33)
	if i-end < 3 || stop-i != 32 || strings.IndexByte("\"'", s.At(stop)) < 0 || !looksRandom(t[i:stop]) {
		return
	}
	s.Find(classifiers.Found{Start: i, End: stop, Type: genericType, Likelihood: likely, Rule: "beside_account"})
}

func telegram() vendor {
	return one("telegram", "TELEGRAM_TOKEN", "Telegram bot tokens: the bot's number of 8 to 10 digits, a colon, A and 34 characters of base64url, mostly AA first (core.telegram.org/bots).", "A Telegram bot token.").with(func(d *classifiers.Detector) {
		t := d.Types[0]
		d.Positives = append(d.Positives, "Telegraf(\"[["+t.Name+"|"+draw(digits, 10, 8)+":AA"+draw(alnum, 33, 2)+"]]\")")
		d.NearMisses = append(d.NearMisses, "12:AABB:CC, 1234567890:AAxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, a:AA")
		cue := classifiers.NewCue("telegram", "telegr", "telegraf", "bot", "tg")
		d.Interests = append(d.Interests, classifiers.Interest{Shape: classifiers.Anchor, Literals: []string{":A"}, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
			start := c.Start
			for start > 0 && c.Start-start < 17 && digits[s.Text[start-1]] {
				start--
			}
			n := c.Start - start
			end := base64u.span(s.Text, c.Start+1, 64)
			if n < 5 || n > 16 || end-c.Start-1 != 35 || start > 0 && inside(s.Text[start-1]) && !strings.HasSuffix(s.Text[:start], "bot") || weak(s.Text[c.Start+1:end]) {
				return
			}
			near := s.Near(cue, start, end)
			if (n < 8 || n > 10) && near == classifiers.Far {
				return
			}
			level := likely
			if near < classifiers.Far || s.Text[c.Start+2] == 'A' {
				level = veryLikely
			}
			s.Find(classifiers.Found{Start: start, End: end, Type: t, Likelihood: level})
			s.Resume(end)
		}})
	})
}

func discord() vendor {
	return one("discord", "DISCORD_TOKEN", "Discord bot tokens: the bot's number in base64, a dot, 6 characters, a dot and 27 to 38 of base64url (discord.com/developers). The first part must decode to digits.", "A Discord bot token.").with(func(d *classifiers.Detector) {
		t := d.Types[0]
		// 123456789012345678 would be a counted row; a made-up number is not.
		const number = "MTA4NjQxOTc1MzA4NjQxOTc1"
		d.Positives = append(d.Positives, "client.login('[["+t.Name+"|"+number+"."+draw(alnum, 6, 1)+"."+draw(alnum, 38, 2)+"]]')")
		d.NearMisses = append(d.NearMisses, number+".Gabcde and "+draw(alnum, 24, 7)+"."+draw(alnum, 6, 1)+"."+draw(alnum, 38, 2))
		d.Interests = append(d.Interests, classifiers.Interest{Shape: classifiers.Run, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
			n := c.End - c.Start
			if n < 23 || n > 28 || s.At(c.End) != '.' {
				return
			}
			second := base64u.span(s.Text, c.End+1, 8)
			if second != c.End+7 || s.At(second) != '.' {
				return
			}
			end := base64u.span(s.Text, second+1, 64)
			if end-second-1 < 27 || end-second-1 > 40 {
				return
			}
			var buf [24]byte
			id, ok := unbase64(buf[:], s.Text[c.Start:c.End])
			if !ok || len(id) < 16 || digits.span(string(id), 0, len(id)) != len(id) {
				return
			}
			s.Find(classifiers.Found{Start: c.Start, End: end, Type: t, Likelihood: veryLikely})
		}})
	})
}

var azureCue = classifiers.NewCue("azure", "accountkey", "account key", "storage", "storageaccount", "sharedaccesskey", "shared access", "blob", "cosmos", "access key", "accesskey", "storage key", "windows", "accountendpoint", "primary key")

// azurite is the account key that the storage emulator publishes.
const azurite = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq" + "/K1SZFPTOtr/KBHBeksoGMGw=="

func azure() vendor {
	store := secret("AZURE_STORAGE_KEY", "An Azure storage, Cosmos DB or service bus account key.")
	app := secret("AZURE_CLIENT_SECRET", "A client secret of Microsoft Entra ID (Azure AD).")
	devops := secret("AZURE_DEVOPS_TOKEN", "An Azure DevOps personal access token.")
	service := secret("AZURE_SERVICE_KEY", "A key of an Azure AI service.")
	// marked are tokens that have a mark inside, at a fixed place.
	marked := []struct {
		length, at int
		mark       string
		typ        *classifiers.Type
	}{{84, 76, "AZDO", devops}, {84, 52, "JQQJ99", service}, {84, 52, "JQQJ9D", service}}
	return vendor{name: "azure", types: []*classifiers.Type{store, app, devops, service},
		doc: "Azure DevOps tokens and keys of AI services: 84 letters and digits with AZDO at the 77th or JQQJ9 at the 53rd place; Azure account keys: 88 characters of base64 that end in ==, and shared access keys of 44, beside words such as AccountKey or storage; client secrets of Microsoft Entra ID: three characters, a digit, Q~ and 31 to 34 more (learn.microsoft.com). The storage emulator's published key is synthetic.",
		extra: func(d *classifiers.Detector) {
			d.Positives = append(d.Positives,
				"AccountName=acme;AccountKey=[[SECRET_AZURE_STORAGE_KEY|"+draw(alnum, 86, 1)+"==]];EndpointSuffix=core.windows.net",
				"SharedAccessKeyName=Root;SharedAccessKey=[[SECRET_AZURE_STORAGE_KEY|"+draw(alnum, 43, 2)+"=]]",
				"AccountKey=[[synthetic SECRET_AZURE_STORAGE_KEY|"+azurite+"]]",
				"pat "+"[[SECRET_AZURE_DEVOPS_TOKEN|"+draw(alnum, 76, 11)+"AZDO"+draw(alnum, 4, 12)+"]]",
				"ai key [[SECRET_AZURE_SERVICE_KEY|"+draw(alnum, 52, 13)+"JQQJ99"+draw(alnum, 26, 14)+"]]",
				"client_secret: [[SECRET_AZURE_CLIENT_SECRET|"+draw(alnum, 3, 3)+"8Q~"+draw(alnum, 34, 5)+"]]")
			d.NearMisses = append(d.NearMisses, "digest: "+draw(alnum, 86, 6)+"==", "AccountKey=<your-account-key>; ${ACCOUNT_KEY}", "abc8Q~xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx Q~")
			d.Interests = append(d.Interests,
				classifiers.Interest{Shape: classifiers.Run, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
					n := c.End - c.Start
					end := c.End
					for _, m := range marked {
						if n == m.length && s.Text[c.Start+m.at:c.Start+m.at+len(m.mark)] == m.mark && alnum.span(s.Text, c.Start, n) == c.End {
							s.Find(classifiers.Found{Start: c.Start, End: c.End, Type: m.typ, Likelihood: veryLikely, Rule: "marked"})
						}
					}
					switch {
					case n == 86 && s.At(end) == '=' && s.At(end+1) == '=':
						end += 2
					case n == 43 && s.At(end) == '=':
						end++
					default:
						return
					}
					if s.At(end) == '=' || base64s.span(s.Text, c.Start, n) != c.End {
						return
					}
					text := s.Text[c.Start:end]
					if text == azurite {
						s.Find(classifiers.Found{Start: c.Start, End: end, Type: store, Likelihood: veryLikely, Synthetic: true})
						return
					}
					near := s.Near(azureCue, c.Start, end)
					if near > cueReach || n == 43 && near > 30 || weak(text) {
						return
					}
					s.Find(classifiers.Found{Start: c.Start, End: end, Type: store, Likelihood: veryLikely})
				}},
				classifiers.Interest{Shape: classifiers.Anchor, Literals: []string{"~"}, Judge: func(s *classifiers.Scan, c classifiers.Candidate) {
					set := clientSecret
					start := c.Start - 5
					if start < 0 || s.Text[c.Start-1] != 'Q' || !digits[s.Text[c.Start-2]] || set.span(s.Text, start, 3) != start+3 {
						return
					}
					end := set.span(s.Text, c.End, 40)
					for end > c.End && s.Text[end-1] == '.' {
						end--
					}
					if n := end - c.End; n < 31 || n > 34 || inside(s.Before(start)) || weak(s.Text[c.End:end]) {
						return
					}
					s.Find(classifiers.Found{Start: start, End: end, Type: app, Likelihood: veryLikely})
				}})
		}}
}

var clientSecret = chars("0-9a-zA-Z_~.-")
