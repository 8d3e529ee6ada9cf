package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"sftctl/pkg/fleet"
	"sftctl/pkg/wire"
)

// adviseOn says what to do about a command that failed because of who it speaks as,
// or to; it is empty where the error says so itself.
func adviseOn(cmd *cobra.Command, err error) string {
	var fault *wire.Fault
	if !errors.As(err, &fault) { // doctor's findings have their advice
		return ""
	}
	target := ""
	if f := cmd.Flags().Lookup("target-account"); f != nil {
		target = f.Value.String()
	}
	switch {
	case fault.Class == wire.Forbidden:
		return permissionAdvice(target)
	case fault.Class == wire.LoginRefused, stranger(fault):
		return loginAdvice(err, target)
	}
	return ""
}

// permissionAdvice says what to do about an account that may not make endpoint calls.
func permissionAdvice(target string) string {
	if target != "" {
		return fmt.Sprintf("endpoint calls are for enterprise accounts (documented): is %s, which --target-account names, one, or a reseller again?", fleet.Quote(target))
	}
	return "endpoint calls are for enterprise accounts (documented). This may be a reseller's: name the enterprise to act as with --target-account"
}

// stranger says whether a login was answered by what may not be the platform, although it
// looks like one in trouble.
func stranger(f *wire.Fault) bool {
	return f.Text == wire.NoTokens && slices.Contains([]wire.Class{wire.BadReply, wire.MissingData, wire.ServerError, wire.Redirect}, f.Class)
}

// correctLogin is for a password that was refused.
const correctLogin = "correct user name and password. This one is remembered as refused and not sent again by any command, since the platform blocks users for repeated refusals; --login-again sends it once more"

// loginAdvice says what to do about a login that failed.
func loginAdvice(err error, target string) string {
	var f *wire.Fault
	errors.As(err, &f)
	switch {
	case f == nil && errors.Is(err, fleet.ErrLogin):
		return "nothing was sent. Correct the password; if this one is right after all, because the account was unblocked or the refusal was a mistake, say --login-again once"
	case f == nil:
		return "nothing was sent: other commands of this machine hold the account's pace up, as slots says"
	case f.Inner == wire.CodeBlocked:
		return "the platform blocked the user after refused logins: have the password reset there; the new one is tried as any other"
	case f.Inner == wire.CodeBadTarget:
		return fmt.Sprintf("correct --target-account, which is %s: it is an account below that of the user, who must be a reseller; an enterprise's own user has none. The password may be right, and is not counted as refused here", fleet.Quote(target))
	case f.Status >= 400 && f.Status < 500 && f.Class == wire.LoginRefused && f.Inner == "" && f.Status != 401 && f.Status != 403:
		return fmt.Sprintf("HTTP %d is no answer of the platform's login: is --url right? It takes scheme and host, without a path. Once it is, say --login-again, since this counts as a refusal", f.Status)
	case f.Class == wire.LoginRefused && f.Inner == "" && f.Status < 400 && f.Text == wire.NoTokens:
		return "what answered gave no code of the platform's login: is --url right? If it is, " + correctLogin
	case f.Class == wire.LoginRefused:
		return correctLogin
	case stranger(f) && f.Class != wire.Redirect: // whose advice asks the same
		return adviceOn(f.Class) + ". Is this the platform (--url)?"
	case f.Class == wire.Cut, f.Class == wire.Deadline, f.Class == wire.TimedOut:
		return "the answer was lost, and may have been a refusal: it is not asked for again here. Make sure of the password before you try once more"
	}
	return adviceOn(f.Class)
}

// adviceOn says what to do about an answer that is none.
func adviceOn(class wire.Class) string {
	switch class {
	case wire.Throttled:
		return "the account has about 2 calls a second (observed) for all that use it: end other programs, or lower --rate"
	case wire.BadReply, wire.MissingData:
		return "something in front of the platform answered, such as a proxy, a sign-in page or a notice of maintenance: open the URL in a browser"
	case wire.Redirect:
		return "it points elsewhere, which is never followed: is --url right?"
	case wire.ServerError, wire.Unexpected, wire.Unsure:
		return "the platform has trouble of its own: try again later; runs wait for it (--max-outage)"
	case wire.TimedOut, wire.Deadline:
		return "it takes too long, there or on the way: try again later, and see what --call-timeout says"
	case wire.NotSent, wire.Cut:
		return "the connection does not hold: is there a proxy or a firewall that cuts it?"
	}
	return "sftctl doctor --debug shows how each request went"
}
