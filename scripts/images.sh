#!/usr/bin/env bash
# Builds the three images, and hands them out, with whichever of docker, podman and buildah is there.
#
# usage: scripts/images.sh build                build hello-native, hello-wasm and hello-spin, tagged with the version
#        scripts/images.sh save IMAGE FILE      write one of them to FILE, as `docker save` does
#        scripts/images.sh push PLACE FOLDER    build and push them, by docker, as PLACE/IMAGE, with provenance and without a tag; their
#                                               digests go into files in FOLDER
#        scripts/images.sh engine               say which of the three does it
# More arguments for the builds may be in IMAGE_FLAGS, such as --network=host.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(<VERSION)
# What a name without a registry means to Kubernetes; podman and buildah would say localhost/.
name() { echo "docker.io/library/$1:$version"; }

if docker info >/dev/null 2>&1; then engine=docker
elif command -v podman >/dev/null; then engine=podman
elif command -v buildah >/dev/null; then engine=buildah
else
  echo "building images needs docker, podman or buildah, and none is here; https://docs.docker.com/get-docker has the first" >&2
  exit 1
fi

build() { # image, command that builds and its options
  local image=$1
  shift
  echo "building $image:$version with $engine"
  # shellcheck disable=SC2086 # several words
  "$@" --target "${image#hello-}" --build-arg "HELLO_COMMIT=$commit" "${labels[@]}" ${IMAGE_FLAGS:-} .
}

images=(hello-native hello-spin hello-wasm)
commit=$(git describe --always --exclude '*' --abbrev=12 --dirty 2>/dev/null || echo unknown)
source=$(git remote get-url origin 2>/dev/null || true)
labels=(--label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$commit")
[[ $source != https://* ]] || labels+=(--label "org.opencontainers.image.source=$source")

case ${1:-} in
  build)
    builder=("$engine" build)
    [ $engine != buildah ] || builder+=(--layers)
    for image in "${images[@]}"; do
      build "$image" "${builder[@]}" --tag "$(name "$image")"
    done
    ;;
  push)
    mkdir -p "$3"
    for image in "${images[@]}"; do
      build "$image" docker buildx build --provenance mode=max --metadata-file "$3/metadata.json" \
        --output "type=image,name=$2/$image,push=true,push-by-digest=true,name-canonical=true"
      jq --raw-output '.["containerimage.digest"]' "$3/metadata.json" >"$3/$image"
    done
    rm "$3/metadata.json"
    ;;
  save)
    rm -f "$3"
    case $engine in
      docker) docker save --output "$3" "$(name "$2")" ;;
      podman) podman save --quiet --format docker-archive --output "$3" "$(name "$2")" ;;
      buildah) buildah push --quiet "$(name "$2")" "docker-archive:$3:$(name "$2")" ;;
    esac
    ;;
  engine) echo $engine ;;
  *)
    sed -n 's/^# \?//; 4,9p' "$0" >&2
    exit 64
    ;;
esac
