#!/usr/bin/env bash
# Runs the first block of shell commands below a heading of README.md.
#
# usage: scripts/run-readme-block.sh HEADING    such as 'As a native binary'
set -euo pipefail
cd "$(dirname "$0")/.."

commands=$(scripts/tools.sh shell-block README.md "$1") || exit 64
exec bash -euxo pipefail -c "$commands"
