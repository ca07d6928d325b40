#!/usr/bin/env bash
# Gives a fork a name of its own: crates, programs, images, chart, release, namespace, what Argo CD and Spin call it, the prefix of the
# settings, and what the docs say of all that; and an empty changelog. Once, in a clean tree; it leaves the change to be looked at and committed.
#
# usage: scripts/rename.sh NAME
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-}
fail() {
  echo "rename: $1" >&2
  exit 64
}

[ -n "$name" ] || fail "no name was given; try: make rename NAME=note-book"
# What everything that is named takes: DNS, Rust, images, variables of the environment, and components, whose words begin with a letter.
[[ $name =~ ^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$ && ${#name} -ge 2 && ${#name} -le 30 ]] ||
  fail "\"$name\" would not do as a name; use 2 to 30 letters a-z, digits and dashes, beginning with a letter, also after a dash"
[ -f hello/Cargo.toml ] || fail "there is no hello/: this has been renamed already; git revert that commit first"
case $name in
  std | core | alloc | test | as | async | await | become | box | break | const | continue | crate | do | dyn | else | enum | extern | \
    false | final | fn | for | gen | if | impl | in | let | loop | macro | match | mod | move | mut | override | priv | pub | ref | \
    return | self | static | struct | super | trait | true | try | type | typeof | union | unsafe | unsized | use | virtual | where | \
    while | yield)
    fail "\"$name\" is a word of Rust, and can name no crate; use another"
    ;;
esac
# Rust has an underscore where there is a dash, so that one crate cannot be told from the other.
if [ -e "$name" ] || grep --quiet "^name = \"${name//-/[-_]}\"\$" Cargo.lock; then
  fail "\"$name\" is taken, by a folder here or by a crate in Cargo.lock; use another"
fi
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; commit or stash them first"

trap '[ $? = 0 ] || echo "rename: it stopped halfway; git reset --hard undoes what it has done" >&2' EXIT
# With a dash, note-book is note_book where Rust wants an identifier, NoteBook where it is a type or an alert, and NOTE_BOOK in
# variables. The message stays: it is a setting, and tests compare it.
export name
# shellcheck disable=SC2016  # They are perl's.
git grep -Iz --files-with-matches --ignore-case hello -- . ':!scripts/rename.sh' ':!Cargo.lock' | xargs -0 perl -pi -e '
  BEGIN { $name = $ENV{name}; $identifier = $name =~ tr/-/_/r; $type = join "", map ucfirst, split /-/, $name }
  s/(?<=_)hello|(?<=let )hello|hello(?=_|::|\(|\.\w+\()/$identifier/g;
  s/hello/$name/g; s/Hello(?! from Rust)/$type/g; s/HELLO/\U$identifier/g'
git ls-files -z '*hello*' | while IFS= read -r -d '' file; do
  mkdir -p "$(dirname "${file//hello/$name}")"
  git mv "$file" "${file//hello/$name}"
done
find hello hello-* -depth -type d -empty -delete

# What changed before is not of the fork.
sed -i '/^## Unreleased$/q' CHANGELOG.md

# This is tried by renaming what is called hello, which nothing is any more.
git rm --quiet --force tests/own_service.rs
perl -0pi -e 's/\[\[test\]\]\nname = "own_service"\n(?:.+\n)*\n//' tests/Cargo.toml

# The names order the lock's entries, and what files import.
cargo update --quiet --workspace --offline 2>/dev/null || cargo update --quiet --workspace
cargo fmt --all
git add --all

cat <<TEXT
Renamed to $name; its settings begin with $(tr '[:lower:]-' '[:upper:]_' <<<"$name")_. Look at it (git diff --cached --stat), then:
  git commit --message "Rename to $name"
  make run    # builds everything anew, which takes as long as the first time
argocd/project/repository.yaml wants your repository's address; docs/YOUR-OWN-SERVICE.md says how to put your own handler in.
TEXT
