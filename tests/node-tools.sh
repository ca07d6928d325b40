#!/usr/bin/env bash
# Installs componentize-js, and the interfaces of WASI that its engine has, into FOLDER, if they are not installed yet (half a minute,
# 390 MB). Needs Node.js with npm.
#
# usage: node-tools.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

pinned=$(cat node-tools.sh node-tools/package-lock.json | sha256sum)
[ "$pinned" != "$(cat "$folder/.pinned" 2>/dev/null)" ] || exit 0
echo "installing the tests' programs in JavaScript" >&2
cp node-tools/package*.json "$folder/"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
mkdir -p "$folder/bin"
ln -sf ../node_modules/.bin/componentize-js "$folder/bin/"
# The package of its WIT files has WASI 0.2.12, and the engine has 0.2.10, which differs in nothing that is exported here.
rm -rf "$folder/wit"
mkdir -p "$folder/wit/deps"
echo 'package hello:tests;' >"$folder/wit/world.wit"
for package in cli clocks filesystem http io random sockets; do
  sed 's/0\.2\.12/0.2.10/g' "$folder/node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12/wasi-$package/package.wit" >"$folder/wit/deps/$package.wit"
done
echo "$pinned" >"$folder/.pinned"
