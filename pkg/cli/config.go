package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"sftctl/pkg/fleet"
)

// configFlags are the flags that say where the others get their values from.
type configFlags struct {
	file    string
	profile string
}

func (c *configFlags) bind(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&c.file, "config", "", "configuration `FILE` (default $XDG_CONFIG_HOME/sftctl/config.yaml)")
	f.StringVar(&c.profile, "profile", "", "`NAME` of a profile in the configuration")
}

// layer gives every flag that was not set on the command line its value from
// the environment, else from the configuration's profile, else from the
// configuration; what is left keeps its default.
func (c *configFlags) layer(env Env, cmd *cobra.Command) error {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { came(f, byFlag) })
	for _, own := range []string{"config", "profile"} {
		if err := fromEnv(env, cmd.Flags().Lookup(own)); err != nil {
			return err
		}
	}
	settings, err := c.read(env, cmd)
	settings.profileBy = sourceOf(cmd.Flags().Lookup("profile"))
	problems := misspelt(env, cmd.Root())
	if err != nil { // the environment is read all the same: what is wrong there is told, too
		problems = append(fleet.Problems{err}, problems...)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err := fromEnv(env, f); err != nil {
			problems = append(problems, err)
		} else if err := settings.apply(f); err != nil {
			problems = append(problems, err)
		}
	})
	if err := oneWorld(cmd.Flags()); err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return fleet.Kind(fleet.ErrUsage, errors.Join(problems...))
	}
	return nil
}

// needsNothing are the commands that say what is in the program.
var needsNothing = []string{"version", "schema", "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}

// standsAlone says whether a command works whatever is wrong with its settings: whoever
// mends them reads its output, and a shell that completes a line shows no errors.
func standsAlone(cmd *cobra.Command) bool {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return slices.Contains(needsNothing, cmd.Name())
}

// source is where a flag got its value from; a later one goes before an earlier
// one.
type source string

const (
	byConfig source = "1 in the configuration"
	byEnv    source = "2 in the environment"
	byFlag   source = "3 on the command line"
)

// origin is the annotation of a flag that says its source.
const origin = "origin"

// came notes where a flag got its value from, if it has one and that was not noted.
func came(f *pflag.Flag, from source) {
	if f == nil || !f.Changed || f.Annotations[origin] != nil {
		return
	}
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[origin] = []string{string(from)}
}

// sourceOf is empty where a flag has its default.
func sourceOf(f *pflag.Flag) source {
	if f == nil || f.Annotations[origin] == nil {
		return ""
	}
	return source(f.Annotations[origin][0])
}

// words are how a source is told.
func (s source) words() string { return string(s[2:]) }

// oneWorld refuses a simulated platform where a real one was asked for as plainly, or
// more so: what somebody takes for done was not.
func oneWorld(f *pflag.FlagSet) error {
	simulate, url := f.Lookup("simulate"), f.Lookup("url")
	if simulate == nil || url == nil || simulate.Value.String() != "true" || sourceOf(url) < sourceOf(simulate) {
		return nil
	}
	return fmt.Errorf("simulate is set %s, and so is url (%s) %s: say which is meant, by --simulate=false or without the url (a variable of another time is taken back by unset SFTCTL_SIMULATE)",
		sourceOf(simulate).words(), fleet.Quote(url.Value.String()), sourceOf(url).words())
}

// ourVariables is what the names of our environment variables begin with.
const ourVariables = "SFTCTL_"

// passwordFlag would be the name of the password's flag, if there were one.
const passwordFlag = "password"

// envName is the environment's name of a flag: --max-deletes is
// SFTCTL_MAX_DELETES.
func envName(flag string) string {
	return ourVariables + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func fromEnv(env Env, f *pflag.Flag) error {
	if f == nil || f.Changed || f.Name == "help" {
		return nil
	}
	text, ok := env.Getenv(envName(f.Name))
	if !ok || text == "" {
		return nil
	}
	if err := f.Value.Set(text); err != nil {
		return fleet.Kind(fleet.ErrUsage, fmt.Errorf("environment %s: %s", envName(f.Name), refusalOf(f.Value, text, err)))
	}
	f.Changed = true
	came(f, byEnv)
	return nil
}

// settings are the values of a configuration file by flag name.
type settings struct {
	file      string
	values    map[string]setting
	profileBy source // of the profile that was chosen
}

// setting is a value, or for a flag that may be given several times a list.
type setting struct {
	texts   []string
	list    bool
	profile bool // it is that of the profile
}

// UnmarshalYAML reads a text, or a list of texts.
func (s *setting) UnmarshalYAML(node *yaml.Node) error {
	if s.list = node.Kind == yaml.SequenceNode; s.list {
		return node.Decode(&s.texts)
	}
	s.texts = make([]string, 1)
	return node.Decode(&s.texts[0])
}

// give sets a flag.
func (s setting) give(f *pflag.Flag) error {
	several, ok := f.Value.(pflag.SliceValue)
	switch {
	case s.list && ok:
		return several.Replace(s.texts)
	case s.list:
		return errors.New("got a list, want one value")
	}
	return f.Value.Set(strings.Join(s.texts, "")) // none is what null comes to
}

func (s settings) apply(f *pflag.Flag) error {
	value, ok := s.values[f.Name]
	if !ok || f.Changed {
		return nil
	}
	if err := value.give(f); err != nil {
		return fmt.Errorf("%s: %s: %s", s.file, f.Name, refusalOf(f.Value, strings.Join(value.texts, ", "), err))
	}
	f.Changed = true
	if value.profile { // whoever chose it chose this
		came(f, s.profileBy)
	}
	came(f, byConfig)
	return nil
}

// read reads the configuration. One that was not named may be missing.
func (c *configFlags) read(env Env, cmd *cobra.Command) (settings, error) {
	path, named := c.path(env), c.file != ""
	switch {
	case path == "" && c.profile == "":
		return settings{}, nil
	case path == "":
		return settings{}, fleet.Kind(fleet.ErrUsage, errors.New("no place for the configuration: HOME is not set; set it, or name a --config"))
	}
	data, err := readConfig(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named && c.profile == "":
		return settings{}, nil
	case err != nil:
		return settings{}, fleet.Kind(fleet.ErrUsage, fmt.Errorf("configuration: %w", err))
	}
	values, err := parseConfig(data, c.profile, cmd.Root())
	if _, runs := values["password-command"]; runs && err == nil {
		err = ownersAlone(path)
	}
	if err != nil {
		return settings{}, fleet.Kind(fleet.ErrUsage, fmt.Errorf("%s: %w", path, err))
	}
	return settings{file: path, values: values}, nil
}

// path is where the configuration is, empty where nobody says so.
func (c *configFlags) path(env Env) string {
	dir := userDir(env, "XDG_CONFIG_HOME", ".config")
	if c.file != "" || dir == "" {
		return c.file
	}
	return filepath.Join(dir, "sftctl", "config.yaml")
}

// readConfig reads a file that not everybody can write: it says to which host the
// password is sent.
func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0 {
		err = fmt.Errorf("%s: mode is %04o, and everybody can write it: run chmod o-w on it", path, info.Mode().Perm())
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// configFile is what stands in a configuration.
type configFile struct {
	Profiles map[string]map[string]setting `yaml:"profiles"`
	Values   map[string]setting            `yaml:",inline"`
}

func decodeConfig(data []byte) (file configFile, err error) {
	err = yaml.NewDecoder(bytes.NewReader(data)).Decode(&file)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return file, err
}

// parseConfig reads flag names with their values, and a map of profiles of the
// same, whose values win.
func parseConfig(data []byte, profile string, root *cobra.Command) (map[string]setting, error) {
	file, err := decodeConfig(data)
	if err != nil {
		return nil, err
	}
	values := map[string]setting{}
	for name, value := range file.Values {
		values[name] = value
	}
	if chosen, ok := file.Profiles[profile]; ok {
		oneWay(values, chosen)
		for name, value := range chosen {
			value.profile = true
			values[name] = value
		}
	} else if profile != "" {
		return nil, fmt.Errorf("there is no profile %s, want %s", fleet.Quote(profile), fleet.Alternatives(sortedKeys(file.Profiles)))
	}
	return values, checkNames(values, root)
}

// checkNames refuses settings that are no flag of any command.
func checkNames(values map[string]setting, root *cobra.Command) error {
	known := map[string]bool{}
	for _, name := range flagNames(root) {
		known[name] = true
	}
	for _, name := range sortedKeys(values) {
		if !known[name] {
			return fmt.Errorf("unknown setting %s, want the name of a flag without its dashes (passwords do not belong here: name a password-file)", fleet.Quote(name))
		}
	}
	return nil
}

// flagNames are the names of the flags of a command and of those below it.
func flagNames(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.LocalNonPersistentFlags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, below := range cmd.Commands() {
		names = append(names, flagNames(below)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// misspelt are the variables of our name that are one slip of the hand from one that
// is read, as problems: a bound that nobody hears of bounds nothing. Others are
// somebody else's, such as those that a cluster makes for a service.
func misspelt(env Env, root *cobra.Command) (problems fleet.Problems) {
	if env.Environ == nil {
		return nil
	}
	known := append(flagNames(root), passwordFlag)
	for _, variable := range env.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		word, ours := strings.CutPrefix(name, ourVariables)
		meant := fleet.Slip(word, known)
		if ours && value != "" && meant != "" && envName(meant) != name {
			problems = append(problems, fmt.Errorf("environment %s: there is no such setting; did you mean %s? (if it is somebody else's, unset it for sftctl)", fleet.Printable(name), envName(meant)))
		}
	}
	return problems
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// userDir is one of the user's directories by the XDG rules. It is empty when
// nobody says where they are: the working directory is nobody's home.
func userDir(env Env, variable, below string) string {
	if dir, ok := env.Getenv(variable); ok && filepath.IsAbs(dir) {
		return dir
	}
	if home, _ := env.Getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, below)
	}
	return ""
}
