package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sftctl/pkg/fleet"
)

// flagError says of a flag that cannot be taken what was wanted in its place.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1:
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return errors.New(err.Error() + fleet.Suggest("--"+unknown.GetSpecifiedName(), names))
	case errors.As(err, &wrong):
		return errors.New("--" + wrong.GetFlag().Name + ": " + refusalOf(wrong.GetFlag().Value, wrong.GetValue(), wrong.Unwrap()))
	}
	return err
}

// refusalOf says what was got and what is wanted, also where the error is one that only
// a programmer understands.
func refusalOf(value pflag.Value, text string, err error) string {
	want, ok := map[string]string{"bool": "want true or false", "int": "want a whole number", "float64": "want a number", "duration": "want a time such as 90s, 5m or 1h30m"}[value.Type()]
	if said := err.Error(); !ok || !strings.HasPrefix(said, "strconv.") && !strings.HasPrefix(said, "time:") {
		return said
	}
	return "got " + fleet.Quote(text) + ", " + want
}
