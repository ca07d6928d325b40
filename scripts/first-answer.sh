#!/usr/bin/env bash
# Does what README.md says, as who sees it first: clones what is committed here, and waits for the first answer, natively and as Wasm.
# Nothing is built before; what cargo has downloaded is there. Writes into a document how long that takes.
#
# usage: scripts/first-answer.sh DOCUMENT
set -euo pipefail
cd "$(dirname "$0")/.."
url=http://127.0.0.1:8080/
unset CARGO_TARGET_DIR HELLO_LISTEN
# Each server is the leader of a group of its own, with which it ends.
set -m
server=
folder=$(mktemp --directory)
trap '[ -z "$server" ] || kill -- "-$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

if curl --silent --output /dev/null "$url"; then
  echo "first-answer: something answers on $url already; end it first" >&2
  exit 1
fi

row() { # runtime, what it is
  echo "$2, from a clone" >&2
  local start=$SECONDS took
  git clone --quiet . "$folder/$1"
  make --no-print-directory --directory "$folder/$1" run RUNTIME="$1" >&2 &
  server=$!
  until curl --silent --fail --output /dev/null "$url"; do
    kill -0 "$server" || { echo "first-answer: it ended before it answered" >&2; exit 1; }
    sleep 1
  done
  took=$((SECONDS - start))
  page=$(curl --silent --output /dev/null --header 'Accept: text/html' --write-out '%{size_download}' "$url")
  kill -- "-$server"
  wait "$server" || true
  server=
  rm -rf "${folder:?}/$1"
  row=$(printf '| %s | 2 | %d min %02d s | %s bytes |' "$2" $((took / 60)) $((took % 60)) "$page")
}

row native native; table=$row
row wasm "Wasm (WASI 0.3)"; table=$table$'\n'$row
TABLE=$table awk -v on="$(date --utc +%F), $(nproc) processors" '
  /<!-- made by `make first-answer` -->/ {
    print; print ""
    print "Measured on " on "."
    print ""
    print "| | commands typed | to the first answer | the page |"
    print "|---|---|---|---|"
    print ENVIRON["TABLE"]; print ""
    skipping = 1; next
  }
  /<!-- to here -->/ { skipping = 0 }
  !skipping' "$1" >"$folder/new"
cp "$folder/new" "$1"
