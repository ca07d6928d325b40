#!/usr/bin/env bash
# Builds and installs the other servers of the benchmarks into FOLDER, in the versions of their lock files here. Keeps those that are
# installed. wasmtime takes about 15 minutes on two cores, the rest one minute.
#
# usage: install.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

# The version of our host, with the build settings of its releases.
wasmtime=$(sed -n 's/^wasmtime = { version = "\([0-9.]*\)".*/\1/p' ../../Cargo.toml)
# With a space after the version, 48.0.80 is not taken for 48.0.8.
if [[ "$("$folder/bin/wasmtime" --version 2>/dev/null) " != "wasmtime $wasmtime "* ]]; then
  echo "building wasmtime $wasmtime"
  CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$folder}/wasmtime-cli cargo install --quiet --locked --root "$folder" "wasmtime-cli@$wasmtime"
fi

echo "building the server in Go"
(cd go && go build -o "$folder/bin/go-net-http" .)

if ! cmp -s flask/requirements.txt "$folder/flask/requirements.txt"; then
  echo "installing Flask and gunicorn"
  python3 -m venv --clear "$folder/flask"
  "$folder/flask/bin/pip" install --quiet --require-hashes --requirement flask/requirements.txt
  cp flask/requirements.txt flask/app.py "$folder/flask/"
fi

if ! command -v nginx >/dev/null; then
  echo "installing nginx"
  apt-get install --quiet=2 --no-install-recommends nginx-light >/dev/null
fi
