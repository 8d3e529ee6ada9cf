package fleet_test

import (
	"strings"
	"testing"

	"sftctl/pkg/fleet"
)

func TestOdd(t *testing.T) {
	for name, want := range map[string]string{
		"m\u0435ter-01":                    "several scripts", // Cyrillic е
		"\u0410BC":                         "several scripts", // Cyrillic А
		"ΑBC":                              "several scripts", // Greek Α
		"счётчик-o1":                       "several scripts", // Latin o
		"東京-щ":                             "several scripts",
		"meter\u200b-01":                   "do not show",
		"meter\u00ad-01":                   "do not show",
		"meter\ufeff":                      "do not show",
		"meter\u00a001":                    "do not show",
		"meter\u2800":                      "do not show",
		"meter\u3164":                      "do not show",
		"meter\ufe0f":                      "do not show",
		"meter\U000e0041":                  "do not show",
		"meter\x1b[2J":                     "do not show",
		"meter\x7f":                        "do not show",
		"meter\u202e10-":                   "direction",
		"meter\u2066x":                     "direction",
		"meter\u200f":                      "direction",
		"cafe\u0301":                       "NFC",
		"\u212b-1":                         "NFC", // the Ångström sign
		" meter":                           "before or after",
		"meter\t":                          "before or after",
		"meter  1":                         "double",
		"ｍeter-01":                         "full-width",
		"meter-０1":                         "full-width",
		"meter－01":                         "full-width",
		"\U0001d426eter":                   "styled",
		"\xffmeter":                        "no text",
		"a\u202e  b":                       "direction of the text, double spaces",
		"meter-0001":                       "",
		"Meter 7 (north) #3/4, 50% & more": "",
		"Zürich Straße 5":                  "",
		"São_João nº 5":                    "",
		"Łódź-Ørsted":                      "",
		"Việt Nam":                         "",
		"Αθήνα-12":                         "",
		"Москва №7":                        "",
		"Київ'ська-1":                      "",
		"東京タワー-1":                          "",
		"東京ビル A1":                          "",
		"서울 한강 B-2":                        "",
		"北京-3G":                            "",
		"ﾒｰﾀｰ-1":                           "",
		"القاهرة 12":                       "",
		"תל אביב-1":                        "",
		"दिल्ली 4":                         "",
		"กรุงเทพ 5":                        "",
		"10 m² – 5 µm ½ °C":                "",
		"🔌 plug":                           "",
		"":                                 "",
	} {
		got := fleet.Odd(name)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%+q: got %q, want %q", name, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 11008: "11,008", 1000001: "1,000,001", -1200: "-1,200"} {
		if got := fleet.Number(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkOdd(b *testing.B) {
	for b.Loop() {
		fleet.Odd("Williams_Harbour_NDB_CA-85050")
	}
}
