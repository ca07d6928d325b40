#!/usr/bin/env bash
# Runs what README.md has people type, as they would who copy it: a block of shell, from a heading on counted.
#
# usage: scripts/readme.sh HEADING NUMBER    such as 'Deploy it' 1
set -euo pipefail
cd "$(dirname "$0")/.."

commands=$(awk -v heading="## $1" -v number="$2" '
  /^```/ { inside = !inside && /^```sh/; if (inside && below) count++; next }
  inside { if (below && count == number) print; next }
  /^## / { below = $0 == heading }' README.md)
[ -n "$commands" ] || { echo "README.md has no block of shell number $2 below \"$1\"" >&2; exit 64; }
exec bash -euxo pipefail -c "$commands"
