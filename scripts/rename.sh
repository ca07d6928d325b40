#!/usr/bin/env bash
# Renames the project in a fork: crates, programs, images, chart, release, namespace, the names in Argo CD and Spin, the prefix of the
# settings, and all of them in the docs. Empties the changelog. Works once, in a clean tree, and leaves the change uncommitted.
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
# The name has to be valid for DNS, Rust, images, environment variables, and components, whose words begin with a letter.
[[ $name =~ ^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$ && ${#name} -ge 2 && ${#name} -le 30 ]] ||
  fail "\"$name\" is not a valid name; use 2 to 30 letters a-z, digits and dashes, beginning with a letter, also after a dash"
[ -f hello/Cargo.toml ] || fail "there is no hello/: this has been renamed already; git revert that commit first"
case $name in
  std | core | alloc | test | as | async | await | become | box | break | const | continue | crate | do | dyn | else | enum | extern | \
    false | final | fn | for | gen | if | impl | in | let | loop | macro | match | mod | move | mut | override | priv | pub | ref | \
    return | self | static | struct | super | trait | true | try | type | typeof | union | unsafe | unsized | use | virtual | where | \
    while | yield)
    fail "\"$name\" is a word of Rust, and can name no crate; use another"
    ;;
esac
# Rust replaces dashes with underscores, so names that differ only in these are the same crate.
if [ -e "$name" ] || grep --quiet "^name = \"${name//-/[-_]}\"\$" Cargo.lock; then
  fail "\"$name\" is taken, by a folder here or by a crate in Cargo.lock; use another"
fi
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed; commit or stash them first"

trap '[ $? = 0 ] || echo "rename: it stopped halfway; git reset --hard undoes what it has done" >&2' EXIT
# A name with a dash has other forms: note-book is note_book as a Rust identifier, NoteBook as a type or an alert, and NOTE_BOOK in
# variables. The message is not renamed: it is a setting, and tests compare it.
export name
# shellcheck disable=SC2016  # These are variables of perl.
git grep -Iz --files-with-matches --ignore-case hello -- . ':!scripts/rename.sh' ':!Cargo.lock' | xargs -0 perl -pi -e '
  BEGIN { $name = $ENV{name}; $identifier = $name =~ tr/-/_/r; $type = join "", map ucfirst, split /-/, $name }
  s/(?<=_)hello|(?<=let )hello|hello(?=_|::|\(|\.\w+\()/$identifier/g;
  s/hello/$name/g; s/Hello(?! from Rust)/$type/g; s/HELLO/\U$identifier/g'
git ls-files -z '*hello*' | while IFS= read -r -d '' file; do
  mkdir -p "$(dirname "${file//hello/$name}")"
  git mv "$file" "${file//hello/$name}"
done
find hello hello-* -depth -type d -empty -delete

# The changes before the rename are not the fork's.
sed -i '/^## Unreleased$/q' CHANGELOG.md

# This test renames a project that is called hello, which the fork is not.
git rm --quiet --force tests/repository/fork_guide.rs
perl -0pi -e 's/\[\[test\]\]\nname = "fork_guide"\n(?:.+\n)*\n//' tests/Cargo.toml

# Cargo.lock and imports are sorted by name.
cargo update --quiet --workspace --offline 2>/dev/null || cargo update --quiet --workspace
cargo fmt --all
git add --all

cat <<TEXT
Renamed to $name; its settings begin with $(tr '[:lower:]-' '[:upper:]_' <<<"$name")_. Look at it (git diff --cached --stat), then:
  git commit --message "Rename to $name"
  make run    # builds everything again, as the first time
Set the address of your repository in argocd/project/repository.yaml. docs/YOUR-OWN-SERVICE.md continues with your own handler.
TEXT
