#!/usr/bin/env bash
# Gives images that were pushed by digest the version as their tag, for all processors together, and pushes the components; signs
# each, and attests its SBOM. What .github/workflows/release.yaml ends with.
#
# usage: scripts/publish.sh PLACE DIGESTS    PLACE as of scripts/images.sh push; in DIGESTS are its folders, one a processor
set -euo pipefail
cd "$(dirname "$0")/.."

place=$1 digests=$2
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
sboms=$(mktemp -d)
trap 'rm -rf "$sboms"' EXIT
for processor in x86_64 aarch64; do
  scripts/sbom.sh "$sboms/$processor" $processor-unknown-linux-musl
done
# The same for both.
rm "$sboms"/aarch64/hello-wasi-*

sign() { # name, the names of what its SBOMs are of
  local name=$1 subject sbom file
  shift
  subject=$place/$name@$(docker buildx imagetools inspect "$place/$name:$version" | sed -n 's/^Digest: *//p')
  cosign sign --yes --recursive "$subject"
  for sbom in "$@"; do
    for file in "$sboms"/*/"$sbom.cdx.json"; do
      cosign attest --yes --type cyclonedx --predicate "$file" "$subject"
    done
  done
}

for image in hello-native hello-spin hello-wasm; do
  mapfile -t built < <(sed "s|^|$place/$image@|" "$digests"/*/$image)
  docker buildx imagetools create --tag "$place/$image:$version" "${built[@]}"
done
for component in hello-wasi-0.2 hello-wasi-0.3; do
  wkg oci push "$place/$component:$version" dist/$component.wasm
done

sign hello-native hello-native
sign hello-spin hello-wasi-0.2
# The component in there is machine code, and still made of the same crates.
sign hello-wasm hello-wasm hello-wasi-0.3
sign hello-wasi-0.2 hello-wasi-0.2
sign hello-wasi-0.3 hello-wasi-0.3
