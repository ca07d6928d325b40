#!/usr/bin/env bash
# Checks dependencies for known vulnerabilities with cargo-audit and RustSec's advisories. ADVISORY_DB is a folder with a copy of the
# advisories; without it, they are fetched.
#
# usage: scripts/advisories.sh COPY lock FILE       check a Cargo.lock; the advisories are fetched into the folder COPY
#        scripts/advisories.sh COPY bin FILE...     check programs and components that cargo auditable built
# Exits with 69 if there are no advisories.
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
  [ -d "$database/crates" ] || unchecked "ADVISORY_DB is $database, which has no advisories"
else
  database=$copy
  if ! said=$(fetch 2>&1); then
    [ -d "$database/crates" ] || unchecked "they could not be fetched (${said##*$'\n'})"
    echo "the latest advisories could not be fetched (${said##*$'\n'}); those of the last time are used" >&2
  fi
fi

# Several are published every week, so the date of the newest is the age of the copy.
newest=$(grep --recursive --no-filename --only-matching --perl-regexp '^date = "\K[0-9-]+' "$database/crates" | sort | tail -n 1)
[ -n "$newest" ] || unchecked "no advisory in $database has a date"
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
    # cargo-audit would guess dependencies by the texts of panics.
    if grep --quiet "was not built with 'cargo auditable'" "$said"; then
      echo "programs that were built without cargo auditable have no list of dependencies; \`make images\` builds with it" >&2
      exit 1
    fi
    ;;
esac
