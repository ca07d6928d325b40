#!/usr/bin/env bash
# Does what README.md says, as who sees it first: clones what is committed here, and waits for the first answer, natively and as Wasm.
# Nothing is built before; what cargo has downloaded is there. Writes into a document how long that takes.
#
# usage: scripts/first-answer.sh DOCUMENT
set -euo pipefail
cd "$(dirname "$0")/.."
url=http://127.0.0.1:8080/
# Nothing that an outer make or a shell has set.
unset CARGO_TARGET_DIR MAKEFLAGS MAKELEVEL "${!HELLO_@}"
# Each server is the leader of a group of its own, with which it ends.
set -m
server=
folder=$(mktemp --directory)
trap '[ -z "$server" ] || kill -- "-$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

for port in 8080 9090; do
  if curl --silent --output /dev/null "http://127.0.0.1:$port/"; then
    echo "first-answer: something answers on port $port already; end it first" >&2
    exit 1
  fi
done

first_answer() { # runtime, what it is
  echo "$2, from a clone" >&2
  local start=$SECONDS took page
  git clone --quiet . "$folder/$1"
  # The host keeps machine code in a cache.
  XDG_CACHE_HOME=$folder/$1/cache make --no-print-directory --directory "$folder/$1" run RUNTIME="$1" >&2 &
  server=$!
  until curl --silent --fail --output /dev/null "$url"; do
    kill -0 "$server" || { echo "first-answer: it ended before it answered" >&2; exit 1; }
    sleep 1
  done
  took=$((SECONDS - start))
  page=$(curl --silent --output /dev/null --header 'Accept: text/html' --write-out '%{size_download}' "$url")
  kill -- "-$server"
  # Nor a word of the shell's that it has ended.
  wait "$server" 2>/dev/null || true
  server=
  rm -rf "${folder:?}/$1"
  printf '| %s | 2 | %d min %02d s | %s bytes |\n' "$2" $((took / 60)) $((took % 60)) "$page"
}

{
  echo "Measured on $(date --utc +%F), $(nproc) processors."
  echo
  echo "| | commands typed | to the first answer | the page |"
  echo "|---|---|---|---|"
  first_answer native native
  first_answer wasm "Wasm (WASI 0.3)"
} >"$folder/table"
scripts/into-document.sh "$1" "make first-answer" <"$folder/table"
