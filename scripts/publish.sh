#!/usr/bin/env bash
# Publishes a release, for .github/workflows/release.yaml: tags the images that were pushed by digest, one tag for all architectures;
# pushes the components, the Spin application and the chart; signs everything, and attests its SBOMs.
#
# usage: scripts/publish.sh REGISTRY DIGESTS FOLDER
#   REGISTRY  the same as for scripts/images.sh push
#   DIGESTS   folder with the folders of digests that scripts/images.sh push wrote, one per architecture
#   FOLDER    folder for the files of the release; SHA256SUMS has their digests, and the digests of everything that was pushed
set -euo pipefail
cd "$(dirname "$0")/.."

registry=$1 digests=$2 folder=$3
version=$(scripts/version.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
for architecture in x86_64 aarch64; do
  scripts/sbom.sh "$work/$architecture" $architecture-unknown-linux-musl
done
# The components are the same for both architectures.
rm "$work"/aarch64/hello-wasi-*

sign() { # name, names of its SBOMs
  local name=$1 digest sbom file
  shift
  digest=$(docker buildx imagetools inspect "$registry/$name:$version" | sed -n 's/^Digest: *//p')
  echo "${digest#sha256:}  $registry/$name" >>"$work/pushed"
  cosign sign --yes --recursive "$registry/$name@$digest"
  for sbom in "$@"; do
    for file in "$work"/*/"$sbom.cdx.json"; do
      cosign attest --yes --type cyclonedx --predicate "$file" "$registry/$name@$digest"
    done
  done
}

for image in hello-native hello-spin hello-wasm; do
  mapfile -t built < <(sed "s|^|$registry/$image@|" "$digests"/*/$image)
  docker buildx imagetools create --tag "$registry/$image:$version" "${built[@]}"
done
for component in hello-wasi-0.2 hello-wasi-0.3; do
  wkg oci push "$registry/$component:$version" dist/$component.wasm
  cp dist/$component.wasm "$folder/"
done
spin registry push --from spin.toml "$registry/hello-app:$version"

# The published chart has the registry of the images, and links to the repository instead of to files beside it.
cp -r chart "$work/hello"
repository=$(sed -n 's/^  url: \(.*\)\.git$/\1/p' argocd/project/repository.yaml)
example=$(sed -n 's|^home: https://github.com/||p' chart/Chart.yaml)
sed --in-place "s|$example|${repository#https://github.com/}|g" "$work/hello/Chart.yaml"
sed --in-place "s|](\.\./|]($repository/blob/v$version/|g" "$work/hello/README.md"
sed --in-place "s|^  repository: \"\"|  repository: \"$registry/hello-{{ .Values.runtime }}\"|" "$work/hello/values.yaml"
helm package "$work/hello" --destination "$folder"
helm push "$folder/hello-$version.tgz" "oci://$registry/charts"

sign hello-native hello-native
sign hello-spin hello-wasi-0.2
# The image has the component as machine code, compiled from the same crates.
sign hello-wasm hello-wasm hello-wasi-0.3
sign hello-wasi-0.2 hello-wasi-0.2
sign hello-wasi-0.3 hello-wasi-0.3
sign hello-app hello-wasi-0.2
sign charts/hello

for architecture in x86_64 aarch64; do
  tar --create --gzip --file "$folder/sboms-$architecture.tar.gz" --directory "$work/$architecture" .
done
(cd "$folder" && sha256sum -- * >"$work/files" && cat "$work"/{files,pushed} >SHA256SUMS)
