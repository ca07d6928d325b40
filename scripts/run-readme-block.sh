#!/usr/bin/env bash
# Runs what README.md has people type, as they would who copy it: the first block of shell below a heading.
#
# usage: scripts/readme.sh HEADING    such as 'As a native binary'
set -euo pipefail
cd "$(dirname "$0")/.."

commands=$(awk -v heading="$1" '
  inside    { if (/^```/) exit; print; next }
  /^#+ /    { below = $0; sub(/^#+ /, "", below) }
  /^```sh$/ { inside = below == heading }' README.md)
[ -n "$commands" ] || { echo "README.md has no block of shell below \"$1\"" >&2; exit 64; }
exec bash -euxo pipefail -c "$commands"
