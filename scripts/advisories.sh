#!/usr/bin/env bash
# Has cargo-audit look for known vulnerabilities, by RustSec's advisories: those in the folder that ADVISORY_DB names, else a copy
# that is fetched now.
#
# usage: scripts/advisories.sh COPY lock FILE       in what a Cargo.lock names; COPY is the folder that is fetched into
#        scripts/advisories.sh COPY bin FILE...     in what programs and components say of themselves, built by cargo auditable
# Exits with 69 where there are no advisories to look by.
set -euo pipefail

url=https://github.com/RustSec/advisory-db
copy=$1 what=$2
shift 2

unchecked() {
  echo "advisories were NOT checked: $1; set ADVISORY_DB to a folder with a copy of $url" >&2
  exit 69
}

fetch() {
  export GIT_TERMINAL_PROMPT=0
  if [ -d "$copy/.git" ]; then
    git -C "$copy" fetch --quiet --depth 1 origin HEAD && git -C "$copy" reset --quiet --hard FETCH_HEAD
  else
    git clone --quiet --depth 1 "$url" "$copy"
  fi
}

if [ -n "${ADVISORY_DB:-}" ]; then
  database=$ADVISORY_DB
  [ -d "$database/crates" ] || unchecked "ADVISORY_DB is $database, where there are none"
else
  database=$copy
  if ! said=$(fetch 2>&1); then
    [ -d "$database/crates" ] || unchecked "they could not be fetched (${said##*$'\n'})"
    echo "advisories could not be fetched anew (${said##*$'\n'}), so those of the last time are used" >&2
  fi
fi

# Several come every week, so that the newest tells the age of all.
newest=$(grep --recursive --no-filename --only-matching --perl-regexp '^date = "\K[0-9-]+' "$database/crates" | sort | tail -n 1)
[ -n "$newest" ] || unchecked "$database has none with a date"
days=$((($(date +%s) - $(date --date "$newest" +%s)) / 86400))
echo "advisories up to $newest, from $database"
[ $days -le 7 ] || echo "warning: the newest advisory is $days days old, and what came since was not looked for" >&2

options=(--db "$database" --no-fetch --deny unsound)
case $what in
  lock) cargo audit "${options[@]}" --file "$1" ;;
  bin)
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    cargo audit "${options[@]}" bin "$@" 2>&1 | tee "$said"
    # It would guess, from what panics say.
    if grep --quiet "was not built with 'cargo auditable'" "$said"; then
      echo "what was built without cargo auditable does not say what is in it; \`make images\` builds with it" >&2
      exit 1
    fi
    ;;
esac
