#!/usr/bin/env bash
# Gives a fork a name of its own: crates, programs, images, chart, release, namespace, what Argo CD and Spin call it, the prefix of the
# settings, and what the docs say of all that. Once, in a clean tree; it leaves the change to be looked at and committed.
#
# usage: scripts/rename.sh NAME
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-}
fail() {
  echo "rename: $1" >&2
  exit 64
}

[ -n "$name" ] || fail "no name was given; try: make rename NAME=notebook"
# What everything that is named takes: DNS, Rust, images, variables of the environment.
[[ $name =~ ^[a-z][a-z0-9]{1,29}$ ]] ||
  fail "\"$name\" would not do as a name; use 2 to 30 letters a-z and digits, beginning with a letter"
[ -d hello ] || fail "there is no folder hello/: this has been renamed already; git revert that commit first"
case $name in
  std | core | alloc | test | as | async | await | become | box | break | const | continue | crate | do | dyn | else | enum | extern | \
    false | final | fn | for | gen | if | impl | in | let | loop | macro | match | mod | move | mut | override | priv | pub | ref | \
    return | self | static | struct | super | trait | true | try | type | typeof | union | unsafe | unsized | use | virtual | where | \
    while | yield)
    fail "\"$name\" is a word of Rust, and can name no crate; use another"
    ;;
esac
[ ! -e "$name" ] && ! grep --quiet "^name = \"$name\"\$" Cargo.lock ||
  fail "\"$name\" is taken, by a folder here or by a crate in Cargo.lock; use another"
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; commit or stash them first"

# The message stays: it is a setting, and tests compare it.
git grep -Iz --files-with-matches --ignore-case hello -- . ':!scripts/rename.sh' ':!Cargo.lock' | xargs -0 sed -i "
  s/Hello from Rust/\x01/g
  s/hello/$name/g; s/Hello/${name^}/g; s/HELLO/${name^^}/g
  s/\x01/Hello from Rust/g"
git ls-files -z '*hello*' | while IFS= read -r -d '' file; do
  mkdir -p "$(dirname "${file//hello/$name}")"
  git mv "$file" "${file//hello/$name}"
done

# This is tried by renaming what is called hello, which nothing is any more.
git rm --quiet --force tests/own_service.rs
awk -v RS= '/name = "own_service"/ { next } { printf "%s%s", between, $0; between = "\n\n" } END { print "" }' tests/Cargo.toml >tests/Cargo.toml.new
mv tests/Cargo.toml.new tests/Cargo.toml

# The names order the lock's entries, and what files import.
cargo update --quiet --workspace --offline 2>/dev/null || cargo update --quiet --workspace
cargo fmt --all
git add --all

cat <<TEXT
Renamed to $name; its settings begin with ${name^^}_. Look at it (git diff --cached --stat), then:
  git commit --message "Rename to $name"
  make run                      builds everything anew, which takes as long as the first time
  argocd/project/repository.yaml wants the address of your repository
  docs/YOUR-OWN-SERVICE.md       says how to put your own handler in
TEXT
