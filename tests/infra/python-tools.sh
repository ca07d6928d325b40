#!/usr/bin/env bash
# Installs the tests' programs in Python into FOLDER/bin, where these are not installed yet (a minute, 620 MB).
# The head of python-tools.txt shows how to lock other versions.
#
# usage: python-tools.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

pinned=$(cat python-tools.sh python-tools.txt | sha256sum)
[ "$pinned" != "$(cat "$folder/.pinned" 2>/dev/null)" ] || exit 0
echo "installing the tests' programs in Python" >&2
python3 -m venv --clear "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement python-tools.txt
# Not the folder of the environment: python and pip are there as well. A pytest that somebody has would be without Playwright.
mkdir -p "$folder/bin"
ln -sf ../environment/bin/{check-jsonschema,checkov,componentize-py,schemathesis,zizmor} "$folder/bin/"
ln -sf ../environment/bin/pytest "$folder/bin/pytest-playwright"
echo "$pinned" >"$folder/.pinned"
