#!/usr/bin/env bash
# Checks the images and the SBOMs for known vulnerabilities, with grype or trivy if one is on PATH, else with cargo-audit. cargo-audit
# reads the list of dependencies that cargo auditable puts into programs.
#
# usage: scripts/scan.sh COPY    COPY is the folder into which cargo-audit's advisories are fetched
# Exits with 69 and prints the reason if nothing could be checked.
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
  scripts/images.sh save $image "$work/$image.tar" || unscanned "there is no image $image; \`make images\` builds it"
done
scripts/sbom.sh "$work"

# Unpacks the layers of an image. Archives differ in the names of the layers.
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
  # If the update fails without an error, the status reports a database that is missing or old.
  { grype db update && grype db status; } ||
    unscanned "grype could not fetch its database; \`grype db import FILE\` imports one"
  scan_image() { grype --fail-on negligible "docker-archive:$1"; }
  scan_sbom() { grype --fail-on negligible "sbom:$1"; }
elif command -v trivy >/dev/null; then
  trivy image --download-db-only || unscanned "trivy could not fetch its database; TRIVY_DB_REPOSITORY is the registry to fetch it from"
  echo "scanning with trivy"
  trivy version
  scan_image() { trivy image --scanners vuln --exit-code 1 --input "$1"; }
  scan_sbom() { trivy sbom --exit-code 1 "$1"; }
elif command -v cargo-audit >/dev/null; then
  echo "scanning with cargo-audit, as neither grype nor trivy is on PATH"
  advisories() {
    local status=0
    scripts/advisories.sh "$copy" "$@" || status=$?
    # They are fetched once, for the first image.
    [ $status = 69 ] || export ADVISORY_DB=${ADVISORY_DB:-$copy}
    return $status
  }
  scan_image() {
    unpack "$1" "${1%.tar}"
    mapfile -d '' programs < <(find "${1%.tar}/files" -type f -name 'hello-*' -print0)
    advisories bin "${programs[@]}"
  }
  # Only crates of crates.io have advisories.
  scan_sbom() {
    jq --raw-output '.components[] | select(.purl) | "[[package]]\nname = \"\(.name)\"\nversion = \"\(.version)\"
source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"' "$1" >"$1.lock"
    advisories lock "$1.lock"
  }
else
  unscanned "none of grype, trivy and cargo-audit is on PATH; \`cargo install --locked cargo-audit\` builds cargo-audit"
fi

failed=()
scan() { # function, file
  local status=0
  echo "== $(basename "$2")"
  "$1" "$2" || status=$?
  [ $status != 69 ] || unscanned "the scanner has no database (see above)"
  [ $status = 0 ] || failed+=("$(basename "$2")")
}
for archive in "$work"/*.tar; do scan scan_image "$archive"; done
for sbom in "$work"/*.cdx.json; do scan scan_sbom "$sbom"; done
[ ${#failed[@]} = 0 ] || { echo "known vulnerabilities or unreadable files: ${failed[*]}" >&2; exit 1; }
