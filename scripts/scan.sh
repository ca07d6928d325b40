#!/usr/bin/env bash
# Looks for known vulnerabilities in the images and in the SBOMs, by grype or trivy where one is on PATH; else by cargo-audit,
# which reads in the images what cargo auditable has put into their programs.
#
# usage: scripts/scan.sh COPY    COPY is the folder that cargo-audit's advisories are fetched into
# Exits with 69, and says why, where nothing could be looked for.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unscanned() {
  echo "images and SBOMs were NOT scanned: $1" >&2
  exit 69
}

for image in hello-native hello-spin hello-wasm; do
  scripts/images.sh save $image "$work/$image.tar" || unscanned "image $image is not there; \`make images\` builds it"
done
scripts/sbom.sh "$work"

# The files of an image's layers, whichever way the archive keeps them.
unpack() { # archive, folder
  local member
  mkdir -p "$2"/{archive,files}
  tar --extract --file "$1" --directory "$2/archive"
  find "$2/archive" -type f | while read -r member; do
    ! tar --list --file "$member" >/dev/null 2>&1 || tar --extract --file "$member" --directory "$2/files"
  done
}

if command -v grype >/dev/null; then
  echo "scanning with $(grype --version)"
  # The one may say that there is nothing new where it could not look, the other refuses what is missing or old.
  { grype db update && grype db status; } ||
    unscanned "grype could not fetch its database; \`grype db import FILE\` takes one from elsewhere"
  scan_image() { grype --fail-on negligible "docker-archive:$1"; }
  scan_sbom() { grype --fail-on negligible "sbom:$1"; }
elif command -v trivy >/dev/null; then
  trivy image --download-db-only || unscanned "trivy could not fetch its database; TRIVY_DB_REPOSITORY names another place for it"
  echo "scanning with trivy"
  trivy version
  scan_image() { trivy image --scanners vuln --exit-code 1 --input "$1"; }
  scan_sbom() { trivy sbom --exit-code 1 "$1"; }
elif command -v cargo-audit >/dev/null; then
  echo "scanning with cargo-audit, as neither grype nor trivy is on PATH"
  advisories() {
    local status=0
    scripts/advisories.sh "$copy" "$@" || status=$?
    # Fetched for the first, they serve for all.
    [ $status = 69 ] || export ADVISORY_DB=${ADVISORY_DB:-$copy}
    return $status
  }
  scan_image() {
    unpack "$1" "${1%.tar}"
    mapfile -d '' programs < <(find "${1%.tar}/files" -type f -name 'hello-*' -print0)
    advisories bin "${programs[@]}"
  }
  # Of crates.io, as members of the workspace have no advisories.
  scan_sbom() {
    jq --raw-output '.components[] | select(.purl) | "[[package]]\nname = \"\(.name)\"\nversion = \"\(.version)\"
source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"' "$1" >"$1.lock"
    advisories lock "$1.lock"
  }
else
  unscanned "none of grype, trivy and cargo-audit is on PATH; \`cargo install --locked cargo-audit\` builds the last"
fi

failed=()
scan() { # how, file
  local status=0
  echo "== $(basename "$2")"
  "$1" "$2" || status=$?
  [ $status != 69 ] || unscanned "the scanner has no database, as said above"
  [ $status = 0 ] || failed+=("$(basename "$2")")
}
for archive in "$work"/*.tar; do scan scan_image "$archive"; done
for sbom in "$work"/*.cdx.json; do scan scan_sbom "$sbom"; done
[ ${#failed[@]} = 0 ] || { echo "known vulnerabilities, or what could not be read, in: ${failed[*]}" >&2; exit 1; }
