package manifest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"sftctl/pkg/fleet"
)

// titles are what the columns of a field may be called.
func titles(f field) []string {
	all := []string{f.String()}
	for _, s := range synonyms {
		if s.field == f {
			all = append(all, strings.Fields(s.words)...)
		}
	}
	return all
}

// anyTitle is a name of a field in letters and signs of any kind.
func anyTitle(t *rapid.T, f field) string {
	title := rapid.SampledFrom(titles(f)).Draw(t, "title of "+f.String())
	switch rapid.IntRange(0, 3).Draw(t, "written") {
	case 0:
		title = strings.ToUpper(title)
	case 1:
		title = title[:1] + rapid.SampledFrom([]string{" ", "_", "-", "."}).Draw(t, "sign") + title[1:]
	case 2:
		title += " (" + anyText(func(s string) bool { return strings.ContainsAny(s, "{}") }).Draw(t, "remark") + ")"
	}
	return title
}

// foreign writes a CSV of other columns: names, order, and some that mean nothing.
func foreign(t *rapid.T, specs []fleet.Spec) []byte {
	comma := rapid.SampledFrom(delimiters).Draw(t, "comma")
	rows := rowsOf(specs)
	type column struct {
		title string
		cell  func(i int) string
	}
	columns := []column{{"Owner " + rapid.StringMatching("[a-z]{3,8}").Draw(t, "owner"), func(int) string { return "somebody" }}}
	for f := range fieldCount {
		if slices.ContainsFunc(rows, func(r row) bool { return *r.at(f) != "" }) {
			columns = append(columns, column{anyTitle(t, f), func(i int) string { return *rows[i].at(f) }})
		}
	}
	columns = rapid.Permutation(columns).Draw(t, "columns")
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	out.Comma = comma
	for i := -1; i < len(rows); i++ {
		var line []string
		for _, c := range columns {
			if cell := c.title; i < 0 {
				line = append(line, cell)
			} else {
				line = append(line, fleet.EscapeCell(c.cell(i)))
			}
		}
		_ = out.Write(line)
	}
	out.Flush()
	return b.Bytes()
}

// anyForeignSpec is a row of a system that knows nothing of this one. It has a
// plan by its id or by a name that is none, as the cells decide between them.
func anyForeignSpec(t *rapid.T, n int, byName bool) fleet.Spec {
	s := fleet.Spec{State: rapid.SampledFrom([]fleet.State{0, fleet.StateActive, fleet.StatePreActive, fleet.StateSuspended, fleet.StateAbsent}).Draw(t, "state")}
	s.Name = anyText(nothing).Draw(t, "name") + fmt.Sprint("#", n)
	if s.ServiceProfileID, s.SIMProductID = fleet.ID(anyID(t, "serviceProfileId")), fleet.ID(anyID(t, "simProductId")); byName {
		named := func(label string) string { return "x" + anyID(t, label) }
		s.Names.Plan, s.Names.APNGroup = named("plan"), named("apnGroup")
	} else {
		s.PlanID, s.APNGroupID = fleet.ID(anyID(t, "planId")), fleet.ID(anyID(t, "apnGroupId"))
	}
	switch rapid.IntRange(0, 3).Draw(t, "sim") {
	case 0:
		s.ICCID = card(n)
	case 1:
		s.AutoSIM = true
	}
	return s
}

// A fleet in a CSV of another system, with columns of whatever name and order, is
// the same fleet through the draft.
func TestDraftsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		byName := rapid.Bool().Draw(t, "names for ids")
		var want []fleet.Spec
		for n := range rapid.IntRange(1, 8).Draw(t, "rows") {
			want = append(want, anyForeignSpec(t, n, byName))
		}
		content := foreign(t, want)
		d, got, err := throughDraft(content, Options{})
		if err != nil || d.Problems != nil {
			t.Fatalf("got error %v and problems %v, want none, for\n%s", err, d.Problems, content)
		}
		if diff := cmp.Diff(got.Specs, want, same); diff != "" {
			t.Fatalf("rows, got - want +:\n%s\nof\n%s\nby\n%s", diff, content, d.text)
		}
	})
}

// throughDraft drafts for a CSV, writes the draft and reads it. What Read says
// must be what the draft said.
func throughDraft(content []byte, opts Options) (*Draft, *fleet.Fleet, error) {
	dir, err := os.MkdirTemp("", "draft")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	from, to := filepath.Join(dir, "a.csv"), filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(from, content, 0o600); err != nil {
		return nil, nil, err
	}
	d, err := NewDraft(from, to, opts)
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	if err := d.Write(&b); err != nil {
		return d, nil, err
	}
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		return d, nil, err
	}
	f, _, err := Read([]string{to}, opts)
	if said, says := fmt.Sprint(d.Problems), fmt.Sprint(err); said != says {
		return d, nil, fmt.Errorf("the draft said %s, and Read says %s", said, says)
	}
	return d, f, nil
}

// FuzzDraft holds that no CSV panics, that every draft is YAML of the keys that
// there are, harmless, and that it says what Read says.
func FuzzDraft(f *testing.F) {
	for _, c := range damaged {
		if len(c.text) < 1000 {
			f.Add(c.text)
		}
	}
	f.Add("\"a\"\"}}\",{{,\"\n\",SIM\x7f,\u202e,Type\n1,2,3," + sim1 + ",5,\"<<\"\n2,,,8.93E+18,,~\n")
	f.Add("Device;Status;Type;ICCID\nm-1;active;a: b;" + sim1 + "\nm-2;absent;#x;auto\nm-3;;!clear;!clear\n")
	f.Fuzz(func(t *testing.T, content string) {
		d, _, err := throughDraft([]byte(content), Options{})
		if d == nil {
			return
		}
		if err != nil {
			t.Fatalf("got %v, for %q, drafted as\n%s", err, content, d.text)
		}
		var plain map[string]any
		if err := yaml.Unmarshal(d.text, &plain); err != nil {
			t.Fatalf("got %v, want YAML, for %q, drafted as\n%s", err, content, d.text)
		}
		for key := range plain {
			if !slices.Contains([]string{"apiVersion", "kind", "key", "groups", "include"}, key) {
				t.Fatalf("got the key %q in the draft of %q", key, content)
			}
		}
		var table bytes.Buffer
		if err := d.WriteColumns(&table); err != nil {
			t.Fatal(err)
		}
		for _, line := range append(strings.Split(table.String(), "\n"), d.Notes...) {
			if line != fleet.Printable(line) {
				t.Fatalf("got %q, want it printable, for %q", line, content)
			}
		}
	})
}

// Includes lie beside the manifest or below it, and the draft names them from
// there.
func TestDraftsNameTheFileFromTheManifest(t *testing.T) {
	text := csvOf("Device,SIM", 2, "m-#,@")
	dir := write(t, "a.csv", text, "sub/b.csv", text, "other/c.csv", text, "sub/deep/x", "")
	for link, to := range map[string]string{"in.csv": "sub/b.csv", "sub/out.csv": "../other/c.csv", "linked": "sub", "sub/away": "../other"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(dir, "sub"))
	for _, test := range []struct{ csv, name, file, wrong string }{
		{"b.csv", "x.yaml", "b.csv", ""},
		{"./b.csv", "./x.yaml", "b.csv", ""},
		{dir + "/sub/b.csv", "x.yaml", "b.csv", ""},
		{"b.csv", "../x.yaml", "sub/b.csv", ""},
		{"../in.csv", "../x.yaml", "in.csv", ""},
		{"../linked/b.csv", "../x.yaml", "sub/b.csv", ""},
		{"b.csv", "../linked/x.yaml", "b.csv", ""},
		{"../a.csv", "x.yaml", "", "../a.csv is not in the folder of x.yaml or below it, and a manifest includes nothing else; write the manifest beside it, as ../x.yaml"},
		{"b.csv", "deep/x.yaml", "", "b.csv is not in the folder of deep/x.yaml or below it, and a manifest includes nothing else; write the manifest beside it, as x.yaml"},
		{"out.csv", "x.yaml", "", "out.csv is a link that leads out of the folder of x.yaml, and a manifest includes nothing from there; put a copy in its place"},
		{"away/c.csv", "x.yaml", "", "away/c.csv is not in the folder of x.yaml"},
		{"-", "x.yaml", "", "a manifest cannot include standard input"},
		{"y.yml", "x.yaml", "", "y.yml is a manifest by its name"},
		{"none.csv", "x.yaml", "", "none.csv: there is no such file"},
		{"deep", "x.yaml", "", "deep: the file cannot be read: it is not a regular file"},
	} {
		d, err := NewDraft(test.csv, test.name, Options{})
		switch {
		case test.wrong != "":
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%s for %s: got %v, want %s", test.csv, test.name, err, test.wrong)
			}
		case err != nil || d.Problems != nil:
			t.Errorf("%s for %s: got %v", test.csv, test.name, err)
		case !strings.Contains(string(d.text), "- file: \""+test.file+"\"\n"):
			t.Errorf("%s for %s: got no %s in\n%s", test.csv, test.name, test.file, d.text)
		}
	}
}

// The limits of Read hold.
func TestDraftsKeepToTheLimits(t *testing.T) {
	text := []byte(csvOf("Device,SIM", 30, "m-#,@"))
	for _, test := range []struct {
		opts Options
		want string
	}{
		{Options{MaxRows: 10}, "there are too many rows"},
		{Options{MaxFile: 100}, "the file is too big"},
		{Options{MaxLine: 10}, "the line is too long"},
	} {
		d, _, err := throughDraft(text, test.opts)
		if err == nil {
			err = d.Problems
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func BenchmarkDraft1M(b *testing.B) {
	path := filepath.Join(b.TempDir(), "big.csv")
	writeBig(b, path, 1_000_000)
	for b.Loop() {
		if d, err := NewDraft(path, filepath.Join(filepath.Dir(path), "big.yaml"), Options{}); err != nil || d.Problems != nil {
			b.Fatal(err, d.Problems)
		}
	}
}
