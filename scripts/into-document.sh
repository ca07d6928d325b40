#!/usr/bin/env bash
# Puts standard input into a document, in place of what the same command has put there: between a comment that names it, and one that
# ends it. Tests do so by tests/src/document.rs.
#
# usage: … | scripts/into-document.sh DOCUMENT COMMAND
set -euo pipefail

TEXT=$(cat) awk -v begin="<!-- made by \`$2\` -->" '
  $0 == begin              { print; print ""; print ENVIRON["TEXT"]; print ""; inside = found = 1 }
  $0 == "<!-- to here -->" { inside = 0 }
  !inside
  END                      { exit !found || inside }' "$1" >"$1.new" || {
  rm "$1.new"
  echo "$1 has no place for what \`$2\` makes: a line <!-- made by \`$2\` -->, and below it one <!-- to here -->" >&2
  exit 1
}
mv "$1.new" "$1"
