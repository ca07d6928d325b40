#!/usr/bin/env bash
# Prints the version of the project, which Cargo.toml has for all crates. Needs no Cargo.
#
# usage: scripts/version.sh
set -euo pipefail
cd "$(dirname "$0")/.."
sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml
