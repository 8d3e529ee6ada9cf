package manifest

import "io"

// WriteStarter writes a manifest that Read takes, with comments that say what a
// manifest can say. Its rows are examples, and its account is the simulated one:
// on any other they are refused.
func WriteStarter(w io.Writer) error {
	_, err := io.WriteString(w, starter)
	return err
}

// starter holds to a convention that the drafts of CSVs share: "# text" explains,
// and a run of lines with a # and no space, or an indent, after it is an example
// that holds once its # are gone.
const starter = `# A fleet of SIM endpoints as it is to be. sftctl compares it with what is live:
#
#   sftctl validate FILE          is the file right? Offline, and everything that is wrong at once
#   sftctl plan --simulate FILE   what would be done, on a simulated platform
#   sftctl plan FILE              what would be done; nothing is changed before sftctl apply
#
# Lines that begin with # and a letter are examples: take the # away, and they hold.
#
# An editor can check this file while you type. Run sftctl schema > sftctl.schema.json,
# and let the first line of this file be
#   # yaml-language-server: $schema=sftctl.schema.json

apiVersion: sftctl/v1
kind: Fleet

# The account that this file is for: on another one it is refused. "simulated" is that of
# --simulate, so the example rows below reach no real platform. With rows of your own, put
# your account here: the target account if you act for one, else the user name.
account: simulated

# What identifies a row: endpointName, or iccid where the cards are known and names are not.
key: endpointName

# The names that this file owns, and what is done with live endpoints of such a name that no
# file lists: ignore (which holds unless it is said), report, suspend or delete. The last two
# want a number besides, such as --max-deletes 3.
#scope: ["example-*"]
#orphans: report

# Names that are never suspended, de-linked, renamed or deleted, whatever else is said.
#protect: ["example-hospital-*"]

# Values for every row that does not give them itself. No endpoint is made without a rate plan,
# a service profile and a SIM product: sftctl get plans, sftctl get service-profiles and
# sftctl get sim-products list yours. A name may stand for an id (plan for planId, apnGroup for
# apnGroupId); it is looked up when the plan is made.
#
# A field that is given nowhere is not managed: it is neither compared nor changed. An empty
# text is not given.
#
# state is active (which may be billed), pre-active, suspended or absent; without one the state
# stays as it is.
defaults:
  planId: "100234"
  serviceProfileId: SP_1249
  simProductId: "7"
  state: pre-active
  #apnGroup: iot.bics
  #roamingProfile: DEFAULT

# Values for the rows of a group. They lie over the defaults and under the row.
groups:
  spare: {}
  #global: {plan: IoT Global}

# CSV files that lie beside this file or below it, and whose rows belong to it. Their columns
# are the fields of a row, or columns says how each field is made from theirs. For a CSV that
# you have, sftctl init --from sites.csv drafts this.
#include:
#  - file: sites.csv
#    columns: {endpointName: "example-site-{{id}}", iccid: "{{SIM number}}", group: "{{type}}"}

endpoints:
  - {endpointName: example-0001, iccid: "8932042000001234562"} # a card number is best in quotation marks
  - {endpointName: example-0002, group: spare}
  # any free SIM of the row's product, from stock
  #- {endpointName: example-0003, iccid: auto}
  # no SIM: the one that it has is taken off
  #- {endpointName: example-0004, iccid: "!clear"}
  # not to be: it is deleted if it is live, which wants --max-deletes 1
  #- {endpointName: example-0005, state: absent}
  # renamed: the live example-0006 is called example-0007 from now on
  #- {endpointName: example-0007, previousName: example-0006}
`
