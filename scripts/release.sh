#!/usr/bin/env bash
# Creates the commit and the tag of a release: writes the version into every file that has it, and a heading into CHANGELOG.md. Builds
# nothing and pushes nothing. .github/workflows/release.yaml publishes a tag when it is pushed.
#
# usage: scripts/release.sh VERSION          such as 1.2.3, or 1.3.0-rc.1
#        scripts/release.sh notes VERSION    print the section of a version in CHANGELOG.md
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
  echo "$1" >&2
  exit 64
}

notes() { # the heading without `## `
  awk -v heading="## $1" '/^## / { inside = $0 == heading || index($0, heading " ") == 1; next } inside' CHANGELOG.md
}

replace() { # file, old text, new text
  grep --quiet --fixed-strings "$2" "$1" || { echo "$1 does not contain \"$2\", which a release changes there" >&2; return 1; }
  sed --in-place "s|${2//./\\.}|$3|" "$1"
}

release() {
  local new=$1 old
  local number='(0|[1-9][0-9]*)' word='(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)'
  old=$(scripts/version.sh)
  [ -n "$new" ] || refuse "make release needs a version: make release VERSION=1.2.3; the last one is $old"
  [[ $new =~ ^$number\.$number\.$number(-$word(\.$word)*)?$ ]] ||
    refuse "$new is no version of the form 1.2.3 or 1.2.3-rc.1, as semantic versioning has it"
  ! git rev-parse --quiet --verify "refs/tags/v$new" >/dev/null || refuse "there is a tag v$new already; choose a higher version"
  # A tilde sorts first, as a pre-release is lower than its release.
  printf '%s\n' "${old/-/\~}" "${new/-/\~}" | sort --version-sort --check=quiet ||
    refuse "$new is lower than $old, the version in Cargo.toml"
  [ -z "$(git status --porcelain)" ] || refuse "there are changes that are not committed; commit or stash them first (git status)"
  [[ $(notes Unreleased) == *$'\n- '* ]] || refuse "CHANGELOG.md says nothing under \"## Unreleased\"; list the changes there"
  command -v helm >/dev/null || refuse "rendering manifests/ needs helm; https://helm.sh/docs/intro/install"

  trap 'git reset --quiet --hard; echo "no release was made, and nothing is changed" >&2' ERR
  sed --in-place "/^\[workspace\.package\]/,/^\[/s/^version = .*/version = \"$new\"/" Cargo.toml
  # Writes the version into Cargo.lock, without network if everything is downloaded.
  cargo update --quiet --workspace --offline 2>/dev/null || cargo update --quiet --workspace
  replace chart/Chart.yaml "version: $old" "version: $new"
  replace chart/Chart.yaml "appVersion: $old" "appVersion: $new"
  replace hello/src/openapi.json "\"version\": \"$old\"" "\"version\": \"$new\""
  replace spin.toml "version = \"$old\"" "version = \"$new\""
  replace README.md "\"version\":\"$old\"" "\"version\":\"$new\""
  replace README.md "image.tag=$old-" "image.tag=$new-"
  replace argocd/README.md "tag: $old-" "tag: $new-"
  replace CHANGELOG.md "## Unreleased" "## Unreleased\n\n## $new - $(date --utc +%F)"
  scripts/manifests.sh manifests
  git commit --quiet --all --message "Release $new"
  git tag --annotate --message "hello $new" "v$new"
  trap - ERR

  echo "committed and tagged v$new; look at it: git show v$new"
  echo "to publish it: git push --atomic origin HEAD v$new"
  echo "to take it back: git tag --delete v$new && git reset --keep HEAD~1"
}

case ${1:-} in
  notes) notes "$2" ;;
  *) release "${1:-}" ;;
esac
