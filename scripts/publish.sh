#!/usr/bin/env bash
# Publishes what is built: gives images that were pushed by digest the version as their tag, for all processors together, and pushes
# the components, the Spin application and the chart; signs each, and attests its SBOM. What .github/workflows/release.yaml ends with.
#
# usage: scripts/publish.sh PLACE DIGESTS FOLDER
#   PLACE     as of scripts/images.sh push
#   DIGESTS   holds its folders, one a processor
#   FOLDER    gets what a release has to download, and in SHA256SUMS what was made: those files, and what was pushed, by its digest
set -euo pipefail
cd "$(dirname "$0")/.."

place=$1 digests=$2 folder=$3
version=$(scripts/version.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
for processor in x86_64 aarch64; do
  scripts/sbom.sh "$work/$processor" $processor-unknown-linux-musl
done
# The same for both.
rm "$work"/aarch64/hello-wasi-*

sign() { # name, the names of what its SBOMs are of
  local name=$1 digest sbom file
  shift
  digest=$(docker buildx imagetools inspect "$place/$name:$version" | sed -n 's/^Digest: *//p')
  echo "${digest#sha256:}  $place/$name" >>"$work/pushed"
  cosign sign --yes --recursive "$place/$name@$digest"
  for sbom in "$@"; do
    for file in "$work"/*/"$sbom.cdx.json"; do
      cosign attest --yes --type cyclonedx --predicate "$file" "$place/$name@$digest"
    done
  done
}

for image in hello-native hello-spin hello-wasm; do
  mapfile -t built < <(sed "s|^|$place/$image@|" "$digests"/*/$image)
  docker buildx imagetools create --tag "$place/$image:$version" "${built[@]}"
done
for component in hello-wasi-0.2 hello-wasi-0.3; do
  wkg oci push "$place/$component:$version" dist/$component.wasm
  cp dist/$component.wasm "$folder/"
done
spin registry push --from spin.toml "$place/hello-app:$version"

# In the chart that is published, the images are where it is, and links lead to the repository, as there is none around it.
cp -r chart "$work/hello"
repository=$(sed -n 's/^  url: \(.*\)\.git$/\1/p' argocd/project/repository.yaml)
example=$(sed -n 's|^home: https://github.com/||p' chart/Chart.yaml)
sed --in-place "s|$example|${repository#https://github.com/}|g" "$work/hello/Chart.yaml"
sed --in-place "s|](\.\./|]($repository/blob/v$version/|g" "$work/hello/README.md"
sed --in-place "s|^  repository: \"\"|  repository: \"$place/hello-{{ .Values.runtime }}\"|" "$work/hello/values.yaml"
helm package "$work/hello" --destination "$folder"
helm push "$folder/hello-$version.tgz" "oci://$place/charts"

sign hello-native hello-native
sign hello-spin hello-wasi-0.2
# The component in there is machine code, and still made of the same crates.
sign hello-wasm hello-wasm hello-wasi-0.3
sign hello-wasi-0.2 hello-wasi-0.2
sign hello-wasi-0.3 hello-wasi-0.3
sign hello-app hello-wasi-0.2
sign charts/hello

for processor in x86_64 aarch64; do
  tar --create --gzip --file "$folder/sboms-$processor.tar.gz" --directory "$work/$processor" .
done
(cd "$folder" && sha256sum -- * >"$work/files" && cat "$work"/{files,pushed} >SHA256SUMS)
