#!/usr/bin/env bash
# Checks the language of documents, comments, texts of the chart and --help with Vale (.vale.ini), and the spelling of all files with
# typos (_typos.toml). A program that is not on PATH is skipped, except in CI.
#
# usage: scripts/lint-prose.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# Vale checks these files, and the --help of these programs in dist/.
files=('*.md' .ci .github .pre-commit-config.yaml .checkov.yaml .vale.ini Cargo.toml deny.toml Dockerfile Makefile spin.toml argocd bench canary
  chart docs ':!docs/benchmarks' 'hello*' manifests scripts tests tools)
programs=("hello-host serve" "hello-host compile" hello-native)

is_there() {
  if command -v "$1" >/dev/null; then return; fi
  echo "lint: $1 is not on PATH, so $2 is not checked; to build it: $3" >&2
  if [ -n "${CI:-}" ]; then status=1; fi
  return 1
}

status=0
if is_there vale "the language" "tests/infra/go-tools.sh FOLDER"; then
  git ls-files -z -- "${files[@]}" | xargs -0 vale --output=line || status=1
  for program in "${programs[@]}"; do
    read -r -a command <<<"dist/$program --help"
    if [ ! -x "${command[0]}" ]; then continue; fi
    "${command[@]}" | sed 's/^ *//' | vale --output=line --ext=.txt --path="$program --help.txt" || status=1
  done
fi
if is_there typos "the spelling" "make typos-cli"; then typos || status=1; fi
exit $status
