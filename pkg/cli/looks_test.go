package cli

import "testing"

func TestColored(t *testing.T) {
	for _, test := range []struct {
		flag   when
		screen bool
		env    map[string]string
		want   bool
	}{
		{"auto", true, nil, true},
		{"auto", false, nil, false},
		{"auto", true, map[string]string{"TERM": "dumb"}, false},
		{"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		{"auto", true, map[string]string{"NO_COLOR": ""}, true},
		{"auto", false, map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"auto", false, map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"auto", true, map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
		{"always", false, map[string]string{"NO_COLOR": "1", "TERM": "dumb"}, true},
		{"never", true, map[string]string{"CLICOLOR_FORCE": "1"}, false},
	} {
		env := Env{Screen: test.screen, Getenv: func(name string) (string, bool) { text, ok := test.env[name]; return text, ok }}
		if got := test.flag.colored(env); got != test.want {
			t.Errorf("--color %s on a terminal %t with %v: got %t, want %t", test.flag, test.screen, test.env, got, test.want)
		}
	}
}
