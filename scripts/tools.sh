#!/usr/bin/env bash
# Builds the program of tools/ and runs one of its commands, in the current folder.
#
# usage: scripts/tools.sh COMMAND ARGUMENT...
set -euo pipefail
exec cargo run --quiet --locked --manifest-path "$(dirname "$0")/../Cargo.toml" --package tools -- "$@"
