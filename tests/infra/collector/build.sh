#!/usr/bin/env bash
# Builds the OpenTelemetry Collector, for the test of traces, into FOLDER/otelcol, where this one is not built yet (3 minutes).
#
# usage: build.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"
manifest=$PWD/builder.yaml

pinned=$(cat build.sh builder.yaml | sha256sum)
[ "$pinned" != "$(cat "$folder/.pinned" 2>/dev/null)" ] || exit 0
echo "building otelcol" >&2
sources=$(mktemp --directory)
trap 'rm -rf "$sources"' EXIT
GOBIN=$sources go install go.opentelemetry.io/collector/cmd/builder@v0.161.0
(cd "$sources" && ./builder --config "$manifest") >"$sources/log" 2>&1 || { cat "$sources/log" >&2; exit 1; }
install "$sources/otelcol/otelcol" "$folder/"
echo "$pinned" >"$folder/.pinned"
