#!/usr/bin/env bash
# Measures the time from a clone of the last commit to the first response, and from one changed line to the response that shows it.
# Crates are downloaded before, but nothing is built. Writes the times into a document.
#
# usage: scripts/clone-benchmark.sh DOCUMENT
set -euo pipefail
cd "$(dirname "$0")/.."
url=http://127.0.0.1:8080/
# Settings of an outer make or shell would change the results.
unset CARGO_TARGET_DIR MAKEFLAGS MAKELEVEL "${!HELLO_@}"
# Each server leads a process group, so that all its processes are ended with it.
set -m
server=
folder=$(mktemp --directory)
trap '[ -z "$server" ] || kill -- "-$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

for port in 8080 9090; do
  if curl --silent --output /dev/null "http://127.0.0.1:$port/"; then
    echo "clone-benchmark: a program listens on port $port; end it first" >&2
    exit 1
  fi
done

since() { awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $1 }"; } # time -> seconds

run() { # clone, runtime, text of the response; sets took, in seconds
  local start=$EPOCHREALTIME
  # The host caches machine code.
  XDG_CACHE_HOME=$1/cache make --no-print-directory --directory "$1" run RUNTIME="$2" >&2 &
  server=$!
  until [[ $(curl --silent "$url") == *"$3"* ]]; do
    kill -0 "$server" 2>/dev/null || { echo "clone-benchmark: the server ended before its first response" >&2; exit 1; }
    sleep 0.1
  done
  took=$(since "$start")
  kill -- "-$server"
  # Without this, the shell reports that the server was killed.
  wait "$server" 2>/dev/null || true
  server=
}

measure() { # runtime, name of the row
  local clone=$folder/$1 first changed message='Hello from Rust in Kubernetes!'
  echo "$2: a clone, its first run, and a run after a change" >&2
  git clone --quiet . "$clone"
  run "$clone" "$1" "$message"
  first=$took
  sed --in-place "s/$message/Hello again!/" "$clone/hello/src/platform.rs"
  run "$clone" "$1" 'Hello again!'
  changed=$took
  rm -rf "$clone"
  printf '| %s | %d min %02d s | %s s |\n' "$2" "$((${first%.*} / 60))" "$((${first%.*} % 60))" "$changed"
}

{
  echo "Measured on $(date --utc +%F), $(nproc) CPUs, $(rustc --version | cut -d ' ' -f 1,2)."
  echo
  echo "| | from a clone to the first response | from a changed line to its response |"
  echo "|---|---|---|"
  measure native 'native: make run RUNTIME=native'
  measure wasm 'WASI 0.3: make run'
} >"$folder/table"
scripts/tools.sh update-doc-block "$1" "make first-run" <"$folder/table"
