#!/usr/bin/env bash
# Builds programs and components twice, with different source folders, target folders and values of CARGO_HOME, and compares the bytes.
#
# usage: scripts/reproducible.sh FOLDER PACKAGE...    FOLDER to build in, which is removed; PACKAGE of a program
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(realpath --canonicalize-missing "$1")
shift
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rm -rf "$work"
trap 'rm -rf "$work"' EXIT

build() { # folder, packages
  local folder=$1
  shift
  echo "building in $folder"
  mkdir -p "$folder"/{source,cargo}
  git ls-files -z | xargs -0 cp --parents --target-directory "$folder/source"
  # Downloaded crates are shared.
  ln -s "$cargo_home/registry" "$folder/cargo/registry"
  # Variables of an outer make are removed.
  env --unset MAKEFLAGS --unset MAKELEVEL CARGO_HOME="$folder/cargo" CARGO_TARGET_DIR="$folder/target" \
    make --silent --directory "$folder/source" components "$@"
}

build "$work/one" "$@"
build "$work/the/other" "$@"

cd "$work/one/source/dist"
status=0
for file in *; do
  if cmp "$file" "$work/the/other/source/dist/$file"; then
    echo "the same: $(sha256sum "$file")"
  else
    status=1
  fi
done
[ $status = 0 ] || echo "the same source builds different bytes in another folder; look for paths of this machine: strings FILE | grep /" >&2
exit $status
