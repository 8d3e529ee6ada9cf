#!/bin/sh
# The main job from end to end, on a simulated platform that lives in a
# temporary directory: validate, plan, apply, plan again. What follows the program
# goes to each command that connects, such as --dialect collection.
set -eu
sftctl=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
samples=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in $(env | sed -n 's/^\(SFTCTL_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export SFTCTL_STATE_DIR="$work/state" SFTCTL_SIMULATE=true SFTCTL_RATE=0 SFTCTL_STOCK="$samples/navaids-stock.json"

printf 'Plans, reports and state of this demo are in a temporary folder, which is gone afterwards.\n'
step() { printf '\n$ sftctl %s\n' "$*"; }

step validate navaids.yaml
"$sftctl" validate "$samples/navaids.yaml"

step plan "$@" --out fleet.plan navaids.yaml
"$sftctl" plan "$@" --out fleet.plan "$samples/navaids.yaml" >first.txt
head -15 first.txt
echo "  ..."

# The stock lacks ten of the SIMs and has ten linked elsewhere, so twenty rows
# are refused: exit code 3 says that the run ended and that some rows need care.
step apply "$@" fleet.plan
"$sftctl" apply "$@" fleet.plan >applied.txt || test $? -eq 3
head -6 applied.txt
echo "  ..."

step plan "$@" navaids.yaml
"$sftctl" plan "$@" "$samples/navaids.yaml" >second.txt
sed '/^  steps/q' second.txt
echo "  ..."

grep -q '10,988 done, 20 refused' applied.txt
grep -q '0 to change, 10,988 unchanged, 20 refused' second.txt
grep -q 'nothing to do' second.txt
printf '\nThe second plan has nothing left to do: 10,988 endpoints are as the file says, 20 were refused.\n'

# With every SIM in stock, on a platform of its own: no row is left out.
export SFTCTL_STATE_DIR="$work/whole" SFTCTL_STOCK="$samples/navaids-full.json"
step apply --yes "$@" navaids.yaml, with all SIMs in stock
"$sftctl" apply --yes "$@" "$samples/navaids.yaml" >whole.txt
sed -n '/^run /,/^  [0-9,]* mutating/p' whole.txt
grep -q '^run .* 11,008 done' whole.txt
"$sftctl" plan --detailed-exitcode "$@" "$samples/navaids.yaml" >/dev/null
printf '\nAll 11,008 sites are onboarded, and a plan finds nothing left to do.\n'
