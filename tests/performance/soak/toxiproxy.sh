#!/usr/bin/env bash
# Builds Toxiproxy, a proxy that disturbs connections, into FOLDER/toxiproxy, unless it is built already.
#
# usage: toxiproxy.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
version=v2.5.0

[ "$version" != "$(cat "$folder/.pinned" 2>/dev/null)" ] || exit 0
echo "building toxiproxy" >&2
GOBIN=$folder go install "github.com/Shopify/toxiproxy/v2/cmd/server@$version"
mv "$folder/server" "$folder/toxiproxy"
echo "$version" >"$folder/.pinned"
