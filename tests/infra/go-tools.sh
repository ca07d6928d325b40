#!/usr/bin/env bash
# Builds the linters of the repository's files, and helm, from Go modules into FOLDER, unless they are there (three minutes).
#
# usage: go-tools.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

pinned=$(cat go-tools.sh ../cluster/programs.sh | sha256sum)
[ "$pinned" != "$(cat "$folder/.pinned" 2>/dev/null)" ] || exit 0
echo "building the tests' programs in Go" >&2
export GOBIN=$folder
go install -ldflags "-s -w" github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
go install -ldflags "-s -w" github.com/editorconfig-checker/editorconfig-checker/v3/cmd/editorconfig-checker@v3.11.1
# From 3.23 on it needs a commit of a module that not every proxy has.
go install -ldflags "-s -w" github.com/vale-cli/vale/v3/cmd/vale@v3.22.0
# As in the cluster.
go install -ldflags "-s -w" "$(grep --only-matching 'helm.sh/helm/v4/cmd/helm@v[0-9.]*' ../cluster/programs.sh)"
echo "$pinned" >"$folder/.pinned"
