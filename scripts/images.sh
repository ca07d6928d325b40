#!/usr/bin/env bash
# Builds the three images, and hands them out, with whichever of docker, podman and buildah is there.
#
# usage: scripts/images.sh build                build hello-native, hello-wasm and hello-spin, tagged with the version
#        scripts/images.sh save IMAGE FILE      write one of them to FILE, as `docker save` does
#        scripts/images.sh engine               say which of the three does it
# More arguments for the builds may be in IMAGE_FLAGS, such as --network=host.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# What a name without a registry means to Kubernetes; podman and buildah would say localhost/.
name() { echo "docker.io/library/$1:$version"; }

if docker info >/dev/null 2>&1; then engine=docker
elif command -v podman >/dev/null; then engine=podman
elif command -v buildah >/dev/null; then engine=buildah
else
  echo "building images needs docker, podman or buildah, and none is here; https://docs.docker.com/get-docker has the first" >&2
  exit 1
fi

case ${1:-} in
  build)
    commit=$(git describe --always --exclude '*' --abbrev=12 --dirty 2>/dev/null || echo unknown)
    source=$(git remote get-url origin 2>/dev/null || true)
    for image in hello-native hello-spin hello-wasm; do
      echo "building $image:$version with $engine"
      options=(--target "${image#hello-}" --tag "$(name $image)" --build-arg "HELLO_COMMIT=$commit"
        --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$commit")
      [[ $source != https://* ]] || options+=(--label "org.opencontainers.image.source=$source")
      [ $engine != buildah ] || options+=(--layers)
      # shellcheck disable=SC2086 # several words
      $engine build "${options[@]}" ${IMAGE_FLAGS:-} .
    done
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
    sed -n 's/^# \?//; 4,7p' "$0" >&2
    exit 64
    ;;
esac
