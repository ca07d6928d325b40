#!/usr/bin/env bash
# Checks that the subjects of the commits after BASE begin with an area and have at most 72 characters, as in
# `chart: accept node port 0`. The default for BASE is the commit that added this script.
#
# usage: scripts/commit-subjects.sh [BASE]
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:-$(git log --diff-filter=A --format=%H -- scripts/commit-subjects.sh | sed -n '$p')}
[ -n "$base" ] || exit 0 # The script itself is not committed yet.

status=0
commits=$(git log --no-merges --format='%h %s' "$base..HEAD")
while read -r commit subject; do
  # git, `make release` and docs/YOUR-OWN-SERVICE.md make these.
  case $subject in "Revert "* | "Release "* | "Rename to "* | "") continue ;; esac
  if [[ ! $subject =~ ^[a-z0-9-]+(, [a-z0-9-]+)*:\ [^\ ] ]]; then
    echo "$commit: begin the subject with an area, as in \`chart: accept node port 0\`: $subject" >&2
    status=1
  elif [ ${#subject} -gt 72 ]; then
    echo "$commit: shorten the subject from ${#subject} to 72 characters: $subject" >&2
    status=1
  fi
done <<<"$commits"
exit $status
