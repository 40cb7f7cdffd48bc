package all

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/classifiers"
	"github.com/ostiary/ostiary/proxy"
)

// The development data lies beside the repository and is no part of it. Where
// it is not there these tests are skipped; where a file of it is missing they
// fail. Messages name a file and a line, never a value.

// maxLine bounds a line of the data files.
const maxLine = 16 << 20

func dataDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above")
		}
		dir = up
	}
	data := filepath.Join(dir, "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no ../shared/data: development cases not run")
	}
	return data
}

// lines reads JSON lines, unpacked where the name ends in .gz.
func lines[T any](t testing.TB, name string, each func(line int, v T)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: " + filepath.Base(name))
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 1<<16), maxLine)
	n := 0
	for sc.Scan() {
		n++
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatalf("%s:%d: not a line of the form expected", filepath.Base(name), n)
		}
		each(n, v)
	}
	if sc.Err() != nil || n == 0 {
		t.Fatalf("%s: unreadable or empty", filepath.Base(name))
	}
}

// only keeps findings of one type.
func only(found []proxy.Finding, typ string) []proxy.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(f proxy.Finding) bool { return f.Type != typ })
}

// runeSpan gives a finding's place in code points, as the data counts.
func runeSpan(text string, f proxy.Finding) [2]int {
	return [2]int{len([]rune(text[:f.Start])), len([]rune(text[:f.End]))}
}

// Recogniser cases, bare tokens without context, at very_unlikely: the number of
// findings and their spans.
func TestRecogniserCases(t *testing.T) {
	type testCase struct {
		File string `json:"file"`
		Case struct {
			Text      json.RawMessage `json:"text"`
			Len       *int            `json:"expected_len"`
			Positions [][2]int        `json:"expected_positions"`
			Res       [][2]int        `json:"expected_res"`
		} `json:"case"`
	}
	types := map[string]string{
		"test_email_recognizer.py": "EMAIL_ADDRESS", "test_phone_recognizer.py": "PHONE_NUMBER", "test_credit_card_recognizer.py": "CREDIT_CARD",
		"test_iban_recognizer.py": "IBAN_CODE", "test_us_ssn_recognizer.py": "US_SSN", "test_ip_recognizer.py": "IP_ADDRESS",
	}
	s := suite(t, classifiers.Options{})
	total, right := map[string]int{}, map[string]int{}
	lines(t, filepath.Join(dataDir(t), "presidio", "recognizer-cases.jsonl"), func(line int, c testCase) {
		typ := types[c.File]
		var text string
		if typ == "" || c.Case.Len == nil || json.Unmarshal(c.Case.Text, &text) != nil {
			return
		}
		total[typ]++
		found := only(classify(t, s, text), typ)
		ok := len(found) == *c.Case.Len
		want := c.Case.Positions
		if want == nil {
			want = c.Case.Res
		}
		for i := 0; ok && i < len(want) && i < len(found); i++ {
			ok = runeSpan(text, found[i]) == want[i]
		}
		if ok {
			right[typ]++
			return
		}
		t.Logf("recognizer-cases.jsonl:%d: %s: %d findings, %d expected, or other spans", line, typ, len(found), *c.Case.Len)
	})
	for typ, n := range total {
		t.Logf("%s: %d of %d", typ, right[typ], n)
		if right[typ]*100 < n*98 {
			t.Errorf("%s: %d of %d recogniser cases right, 98%% wanted", typ, right[typ], n)
		}
	}
	if len(total) == 0 {
		t.Fatal("no case was run")
	}
}

// ruleTypes maps rules of the fixtures to the types that stand for them. Rules
// that are not listed belong to formats that no detector claims yet.
var ruleTypes = map[string]string{
	"airtable-personnal-access-token": "SECRET_AIRTABLE_TOKEN", "anthropic-admin-api-key": "SECRET_ANTHROPIC_KEY", "anthropic-api-key": "SECRET_ANTHROPIC_KEY",
	"aws-access-token": "SECRET_AWS_ACCESS_KEY", "aws-secret-access-key": "SECRET_AWS_SECRET_KEY", "aws-amazon-bedrock-api-key-long-lived": "SECRET_AWS_BEDROCK_KEY",
	"azure-ad-client-secret": "SECRET_AZURE_CLIENT_SECRET", "azure-storage-account-key": "SECRET_AZURE_STORAGE_KEY", "cerebras-api-key": "SECRET_CEREBRAS_KEY",
	"clojars-api-token": "SECRET_CLOJARS_TOKEN", "cloudflare-api-key": "SECRET_CLOUDFLARE_TOKEN", "cloudflare-global-api-key": "SECRET_CLOUDFLARE_TOKEN",
	"cloudflare-origin-ca-key": "SECRET_CLOUDFLARE_TOKEN", "cohere-api-token": "SECRET_COHERE_KEY", "databricks-api-token": "SECRET_DATABRICKS_TOKEN",
	"datadog-access-token": "SECRET_DATADOG_KEY", "datadog-api-key": "SECRET_DATADOG_KEY", "digitalocean-access-token": "SECRET_DIGITALOCEAN_TOKEN",
	"digitalocean-pat": "SECRET_DIGITALOCEAN_TOKEN", "dockerhub-organization-access-token": "SECRET_DOCKER_TOKEN", "dockerhub-personal-access-token": "SECRET_DOCKER_TOKEN",
	"docker-swarm-join-token": "SECRET_DOCKER_TOKEN", "doppler-api-token": "SECRET_DOPPLER_TOKEN", "figma-personal-access-token": "SECRET_FIGMA_TOKEN",
	"gcp-api-key": "SECRET_GOOGLE_API_KEY", "gcp-gemini-api": "SECRET_GOOGLE_API_KEY", "github-app-token": "SECRET_GITHUB_TOKEN", "github-fine-grained-pat": "SECRET_GITHUB_TOKEN",
	"github-oauth": "SECRET_GITHUB_TOKEN", "github-pat": "SECRET_GITHUB_TOKEN", "github-refresh-token": "SECRET_GITHUB_TOKEN", "gitlab-cicd-job-token": "SECRET_GITLAB_TOKEN",
	"gitlab-deploy-token": "SECRET_GITLAB_TOKEN", "gitlab-feature-flag-client-token": "SECRET_GITLAB_TOKEN", "gitlab-feed-token": "SECRET_GITLAB_TOKEN",
	"gitlab-incoming-mail-token": "SECRET_GITLAB_TOKEN", "gitlab-kubernetes-agent-token": "SECRET_GITLAB_TOKEN", "gitlab-oauth-app-secret": "SECRET_GITLAB_TOKEN",
	"gitlab-pat": "SECRET_GITLAB_TOKEN", "gitlab-pat-routable": "SECRET_GITLAB_TOKEN", "gitlab-ptt": "SECRET_GITLAB_TOKEN", "gitlab-rrt": "SECRET_GITLAB_TOKEN",
	"gitlab-runner-authentication-token": "SECRET_GITLAB_TOKEN", "gitlab-runner-authentication-token-routable": "SECRET_GITLAB_TOKEN", "gitlab-scim-token": "SECRET_GITLAB_TOKEN",
	"grafana-cloud-api-token": "SECRET_GRAFANA_TOKEN", "grafana-service-account-token": "SECRET_GRAFANA_TOKEN", "groq-api-key": "SECRET_GROQ_KEY",
	"hashicorp-tf-api-token": "SECRET_TERRAFORM_TOKEN", "heroku-api-key": "SECRET_HEROKU_KEY", "heroku-api-key-v2": "SECRET_HEROKU_KEY", "huggingface-access-token": "SECRET_HF_TOKEN",
	"huggingface-organization-api-token": "SECRET_HF_TOKEN", "jwt": "SECRET_JWT", "linear-api-key": "SECRET_LINEAR_KEY", "mailgun-private-api-token": "SECRET_MAILGUN_KEY",
	"mailgun-pub-key": "SECRET_MAILGUN_KEY", "mistral-api-key": "SECRET_MISTRAL_KEY", "mongodb-atlas-service-account-secret": "SECRET_MONGODB_ATLAS_SECRET",
	"mongodb-connection-string": "SECRET_CONNECTION_STRING", "new-relic-browser-api-token": "SECRET_NEWRELIC_KEY", "new-relic-insert-key": "SECRET_NEWRELIC_KEY",
	"new-relic-user-api-key": "SECRET_NEWRELIC_KEY", "notion-api-token": "SECRET_NOTION_TOKEN", "npm-access-token": "SECRET_NPM_TOKEN", "nvidia-api-key": "SECRET_NVIDIA_KEY",
	"openai-api-key": "SECRET_OPENAI_KEY", "openrouter-api-key": "SECRET_GENERIC_API_KEY", "perplexity-api-key": "SECRET_PERPLEXITY_KEY", "planetscale-api-token": "SECRET_PLANETSCALE_TOKEN",
	"planetscale-oauth-token": "SECRET_PLANETSCALE_TOKEN", "planetscale-password": "SECRET_PLANETSCALE_TOKEN", "postman-api-token": "SECRET_POSTMAN_KEY", "private-key": "SECRET_PRIVATE_KEY",
	"pulumi-api-token": "SECRET_PULUMI_TOKEN", "pypi-upload-token": "SECRET_PYPI_TOKEN", "replicate-api-token": "SECRET_REPLICATE_TOKEN", "rubygems-api-token": "SECRET_RUBYGEMS_KEY",
	"sendgrid-api-token": "SECRET_SENDGRID_KEY", "sentry-user-token": "SECRET_SENTRY_TOKEN", "sentry-org-token": "SECRET_SENTRY_TOKEN", "shopify-access-token": "SECRET_SHOPIFY_TOKEN",
	"shopify-custom-access-token": "SECRET_SHOPIFY_TOKEN", "shopify-private-app-access-token": "SECRET_SHOPIFY_TOKEN", "shopify-shared-secret": "SECRET_SHOPIFY_TOKEN",
	"slack-app-token": "SECRET_SLACK_TOKEN", "slack-bot-token": "SECRET_SLACK_TOKEN", "slack-config-access-token": "SECRET_SLACK_TOKEN", "slack-config-refresh-token": "SECRET_SLACK_TOKEN",
	"slack-legacy-bot-token": "SECRET_SLACK_TOKEN", "slack-legacy-token": "SECRET_SLACK_TOKEN", "slack-legacy-workspace-token": "SECRET_SLACK_TOKEN", "slack-session-cookie": "SECRET_SLACK_TOKEN",
	"slack-session-token": "SECRET_SLACK_TOKEN", "slack-user-token": "SECRET_SLACK_TOKEN", "slack-webhook-url": "SECRET_SLACK_WEBHOOK", "square-access-token": "SECRET_SQUARE_TOKEN",
	"stripe-access-token": "SECRET_STRIPE_KEY", "supabase-management-token": "SECRET_SUPABASE_KEY", "supabase-project-api-key": "SECRET_SUPABASE_KEY", "telegram-bot-api-token": "SECRET_TELEGRAM_TOKEN",
	"twilio-api-key": "SECRET_TWILIO_KEY", "vault-batch-token": "SECRET_VAULT_TOKEN", "vault-service-token": "SECRET_VAULT_TOKEN", "vercel-ai-gateway-key": "SECRET_VERCEL_TOKEN",
	"vercel-app-access-token": "SECRET_VERCEL_TOKEN", "vercel-app-refresh-token": "SECRET_VERCEL_TOKEN", "vercel-integration-token": "SECRET_VERCEL_TOKEN",
	"vercel-personal-access-token": "SECRET_VERCEL_TOKEN", "xai-api-key": "SECRET_XAI_KEY", "age-secret-key": "SECRET_AGE_KEY", "1password-service-account-token": "SECRET_ONEPASSWORD_TOKEN",
	"flyio-access-token": "SECRET_FLYIO_TOKEN", "atlassian-api-token": "SECRET_ATLASSIAN_TOKEN",
}

// siblings are rules whose negatives are tokens of another rule with the same
// type: Vercel's kinds differ in a letter, and sk- is anybody's.
var siblings = map[string]bool{
	"vercel-ai-gateway-key": true, "vercel-app-access-token": true, "vercel-app-refresh-token": true, "vercel-integration-token": true,
	"vercel-personal-access-token": true, "openrouter-api-key": true,
}

// Fixtures of the secret scanners, scored per rule: a rule of ours finds its
// positives (any credential at likely counts) and is silent in its negatives.
func TestSecretFixtures(t *testing.T) {
	type fixture struct {
		Positive bool   `json:"positive"`
		Rule     string `json:"rule"`
		Text     string `json:"text"`
	}
	type score struct{ positives, found, negatives, silent int }
	dir := dataDir(t)
	s := suite(t, classifiers.Options{})
	for _, name := range []string{"gitleaks", "betterleaks"} {
		rules := map[string]*score{}
		misses := map[string][]int{}
		positives := map[string]bool{}
		lines(t, filepath.Join(dir, "secrets", name+"-fixtures.jsonl.gz"), func(_ int, f fixture) {
			if f.Positive && ruleTypes[f.Rule] != "" {
				positives[f.Text] = true
			}
		})
		lines(t, filepath.Join(dir, "secrets", name+"-fixtures.jsonl.gz"), func(line int, f fixture) {
			if ruleTypes[f.Rule] == "" {
				return
			}
			sc := rules[f.Rule]
			if sc == nil {
				sc = &score{}
				rules[f.Rule] = sc
			}
			hit, own := false, false
			for _, x := range classify(t, s, f.Text) {
				if slices.Contains(x.Groups, classifiers.Credential) && x.Likelihood >= proxy.Likely {
					hit = true
					own = own || x.Type == ruleTypes[f.Rule] && !x.Synthetic
				}
			}
			switch {
			case f.Positive:
				sc.positives++
				if hit {
					sc.found++
				} else {
					misses[f.Rule] = append(misses[f.Rule], line)
				}
			case positives[f.Text], siblings[f.Rule]:
				// Another rule of the same vendor must find it.
			default:
				sc.negatives++
				if !own {
					sc.silent++
				} else {
					misses[f.Rule] = append(misses[f.Rule], -line)
				}
			}
		})
		var found, silent float64
		var with, without int
		for _, rule := range sortedKeys(rules) {
			sc := rules[rule]
			if sc.positives > 0 {
				found += float64(sc.found) / float64(sc.positives)
				with++
			}
			if sc.negatives > 0 {
				silent += float64(sc.silent) / float64(sc.negatives)
				without++
			}
			if len(misses[rule]) > 0 {
				t.Logf("%s %s: %d of %d found, %d of %d silent; lines %s", name, rule, sc.found, sc.positives, sc.silent, sc.negatives, short(misses[rule]))
			}
		}
		t.Logf("%s: %d rules; mean recall %.3f, mean silence %.3f", name, len(rules), found/float64(with), silent/float64(without))
		if found/float64(with) < 0.90 || silent/float64(without) < 0.95 {
			t.Errorf("%s: recall %.3f, silence %.3f; 0.90 and 0.95 wanted", name, found/float64(with), silent/float64(without))
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var k []string
	for n := range m {
		k = append(k, n)
	}
	sort.Strings(k)
	return k
}

func short(l []int) string {
	if len(l) > 6 {
		return fmt.Sprint(l[:6]) + "…"
	}
	return fmt.Sprint(l)
}

// Harmless prompts: findings at likely and above of the groups that matter, per
// 10,000 tokens (a token counted as four bytes). The ceilings are what was
// measured; they may fall, not rise.
func TestHarmlessPrompts(t *testing.T) {
	dir := filepath.Join(dataDir(t), "negatives")
	s := suite(t, classifiers.Options{})
	for _, set := range []struct {
		file    string
		ceiling int // findings
	}{
		{"gsm8k_train.jsonl", 0},
		{"mt_bench_question.jsonl", 0},
		{"user_oriented_instructions.jsonl", 7}, // right ones: e-mail addresses in one task, twice each, and a telephone number
	} {
		bytes, n := 0, 0
		types := map[string]int{}
		lines(t, filepath.Join(dir, set.file), func(line int, v json.RawMessage) {
			var segs []proxy.Segment
			var any any
			if json.Unmarshal(v, &any) != nil {
				t.Fatal("unreadable")
			}
			leaves(any, &segs)
			for _, x := range segs {
				bytes += x.Text.Len()
			}
			r, err := s.Classify(context.Background(), segs)
			if err != nil || len(r.Gaps) > 0 {
				t.Fatal(err, r.Gaps)
			}
			for _, f := range r.Findings {
				if f.Likelihood >= proxy.Likely && !f.Synthetic && f.Type != "IP_ADDRESS" {
					n++
					types[f.Type]++
					t.Logf("%s:%d: %s (%s)", set.file, line, f.Type, f.Likelihood)
				}
			}
		})
		t.Logf("%s: %d findings %v in %d bytes, %.3f per 10,000 tokens", set.file, n, types, bytes, float64(n)/(float64(bytes)/4)*10000)
		if n > set.ceiling {
			t.Errorf("%s: %d findings, ceiling %d", set.file, n, set.ceiling)
		}
	}
}

// leaves lists every string of a JSON value.
func leaves(v any, out *[]proxy.Segment) {
	switch v := v.(type) {
	case string:
		*out = append(*out, proxy.Segment{Text: proxy.NewText(v)})
	case []any:
		for _, x := range v {
			leaves(x, out)
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			leaves(v[k], out)
		}
	}
}

// promptFloors are the marks found where that is not all of them; they may rise,
// not fall. What is missing: obfuscated and dictated forms (folding), bare
// numbers under a column header, passwords in sentences and in code.
var promptFloors = map[string]int{
	"EMAIL_ADDRESS": 222, "PHONE_NUMBER": 195, "US_SSN": 45, "SECRET_CONNECTION_STRING": 38, "SECRET_GENERIC_API_KEY": 15, "SECRET_PASSWORD": 0,
}

// Whole prompts in 13 languages. Recall counts a mark as found where a finding of
// its type at likely and above overlaps it; documents of look-alikes are counted
// where they have a finding of a group that matters.
func TestPrompts(t *testing.T) {
	type prompt struct {
		ID     string `json:"id"`
		Lang   string `json:"lang"`
		Kind   string `json:"kind"`
		Text   string `json:"text"`
		Expect string `json:"expect"`
		Spans  []struct {
			Start int    `json:"start"`
			End   int    `json:"end"`
			Type  string `json:"type"`
		} `json:"spans"`
	}
	s := suite(t, classifiers.Options{})
	ours := map[string]bool{}
	for _, ty := range s.Types() {
		ours[ty.Name] = true
	}
	total, found := map[string]int{}, map[string]int{}
	extra := map[string]int{}
	negatives, hit, synthetic, tagged := 0, 0, 0, 0
	lines(t, filepath.Join(dataDir(t), "prompts", "prompts.jsonl.gz"), func(line int, p prompt) {
		at := make([]int, 0, len(p.Text)+1) // code point to byte
		for i := range p.Text {
			at = append(at, i)
		}
		at = append(at, len(p.Text))
		list := classify(t, s, p.Text)
		used := make([]bool, len(list))
		for _, sp := range p.Spans {
			if !ours[sp.Type] {
				for i, f := range list {
					if f.Start < at[sp.End] && at[sp.Start] < f.End {
						used[i] = true
					}
				}
				continue
			}
			ok, syn := false, false
			for i, f := range list {
				if f.Start < at[sp.End] && at[sp.Start] < f.End {
					used[i] = true
					same := f.Type == sp.Type || strings.HasPrefix(sp.Type, "SECRET_") && strings.HasPrefix(f.Type, "SECRET_")
					if same && f.Likelihood >= proxy.Likely {
						ok = true
						syn = syn || f.Synthetic
					}
				}
			}
			if p.Expect == "synthetic" {
				synthetic++
				if syn {
					tagged++
				} else {
					t.Logf("prompts:%d (%s, %s): %s not tagged synthetic", line, p.Lang, p.Kind, sp.Type)
				}
				continue
			}
			total[sp.Type]++
			if ok {
				found[sp.Type]++
			} else {
				t.Logf("prompts:%d (%s, %s): %s missed", line, p.Lang, p.Kind, sp.Type)
			}
		}
		bad := false
		for i, f := range list {
			if !used[i] && f.Likelihood >= proxy.Likely && !f.Synthetic && f.Type != "IP_ADDRESS" {
				extra[p.Expect+" "+f.Type]++
				bad = true
				t.Logf("prompts:%d (%s, %s): %s %s not marked", line, p.Lang, p.Kind, f.Type, f.Likelihood)
			}
		}
		if p.Expect == "negative" {
			negatives++
			if bad {
				hit++
			}
		}
	})
	for _, typ := range sortedKeys(total) {
		t.Logf("%s: %d of %d", typ, found[typ], total[typ])
		floor, ok := promptFloors[typ]
		if !ok {
			floor = total[typ]
		}
		if found[typ] < floor {
			t.Errorf("%s: %d of %d marks found, %d recorded", typ, found[typ], total[typ], floor)
		}
	}
	if len(total) == 0 || negatives == 0 || synthetic == 0 {
		t.Fatal("a kind of prompt is missing from the data")
	}
	// The goal for look-alikes is 2 %, the figure recorded is none.
	if hit > 0 || tagged < synthetic {
		t.Errorf("look-alikes: %d of %d hit, none recorded; %d of %d published values tagged, all recorded", hit, negatives, tagged, synthetic)
	}
	t.Logf("look-alikes: %d of %d prompts hit; not marked: %v; synthetic: %d of %d tagged", hit, negatives, extra, tagged, synthetic)
}

// Every country's example is found, and with one digit changed it is not.
func TestIBANRegistry(t *testing.T) {
	name := filepath.Join(dataDir(t), "ids", "iban-registry.txt")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal("a file of the development data is missing: iban-registry.txt")
	}
	rows := strings.Split(strings.TrimSpace(string(b)), "\n")
	column := slices.Index(strings.Split(rows[0], "|"), "iban_example")
	if column < 0 {
		t.Fatal("iban-registry.txt has no column iban_example")
	}
	s := suite(t, classifiers.Options{})
	found, changed := 0, 0
	for i, row := range rows[1:] {
		iban := strings.Split(row, "|")[column]
		if f := only(classify(t, s, iban), "IBAN_CODE"); len(f) == 1 && f[0].End == len(iban) {
			found++
		} else {
			t.Logf("iban-registry.txt:%d: example not found", i+2)
		}
		for at := 4; at < len(iban); at++ {
			if c := iban[at]; '0' <= c && c <= '9' {
				other := iban[:at] + string('0'+(c-'0'+1)%10) + iban[at+1:]
				if len(only(classify(t, s, other), "IBAN_CODE")) > 0 {
					changed++
				}
			}
		}
	}
	t.Logf("%d of %d examples found, %d changed ones found", found, len(rows)-1, changed)
	if found < len(rows)-1 || changed > 0 {
		t.Errorf("%d of %d examples found, %d changed ones found; all and none wanted", found, len(rows)-1, changed)
	}
}
