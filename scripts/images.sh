#!/usr/bin/env bash
# Builds, saves and pushes the images with docker, podman or buildah: the first of these that is installed.
#
# usage: scripts/images.sh build [RUNTIME]       build the image of native, wasm or spin, or all three; each has two tags: the version,
#                                                and the version with the commit
#        scripts/images.sh save IMAGE[:TAG] FILE write an image to FILE, as `docker save` does
#        scripts/images.sh unpack IMAGE FOLDER   write the files of an image into FOLDER
#        scripts/images.sh push REGISTRY FOLDER  build the images with docker and push them as REGISTRY/IMAGE, with provenance and
#                                                without a tag; write their digests to files in FOLDER
#        scripts/images.sh engine                print the program that builds the images
# IMAGE_FLAGS has more arguments for the builds, such as --network=host.
set -euo pipefail
cd "$(dirname "$0")/.."

if docker info >/dev/null 2>&1; then engine=docker
elif [ -n "${DOCKER_HOST:-}" ]; then
  # Another builder would not put the images where DOCKER_HOST runs.
  echo "DOCKER_HOST is $DOCKER_HOST, and no Docker responds there: minikube start; or, to build here, unset DOCKER_HOST" >&2
  exit 1
elif command -v podman >/dev/null; then engine=podman
elif command -v buildah >/dev/null; then engine=buildah
else
  echo "building images needs docker, podman or buildah, and none is installed: https://docs.docker.com/get-docker" >&2
  exit 1
fi

version=$(scripts/version.sh)
commit=$(git describe --always --exclude '*' --abbrev=12 --dirty 2>/dev/null || echo unknown)
# With uncommitted changes, the tag has their digest. Kubernetes rolls out an image only if its tag is new.
tag=$version-$commit
if [ -n "$(git status --porcelain 2>/dev/null)" ]; then
  changes=$({ git diff HEAD; git ls-files --others --exclude-standard -z | xargs -0 -r cat; } | git hash-object --stdin)
  tag=$version-${commit%-dirty}-dirty.${changes:0:7}
fi
source=$(git remote get-url origin 2>/dev/null || true)
labels=(--label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$commit")
[[ $source != https://* ]] || labels+=(--label "org.opencontainers.image.source=$source")

# Kubernetes looks up a name without a registry in docker.io/library/; podman and buildah default to localhost/.
name() { echo "docker.io/library/$1:${2:-$version}"; } # image, tag

build() { # image, command that builds and its options
  local image=$1
  shift
  # shellcheck disable=SC2086 # IMAGE_FLAGS may have several words.
  "$@" --target "${image#hello-}" --build-arg "HELLO_COMMIT=$commit" "${labels[@]}" ${IMAGE_FLAGS:-} .
}

build_locally() { # images
  local image start builder=("$engine" build) built=''
  [ $engine != buildah ] || builder+=(--layers)
  for image in "$@"; do
    echo "building $image with $engine; the first time takes minutes"
    start=$SECONDS
    build "$image" "${builder[@]}" --tag "$(name "$image")" --tag "$(name "$image" "$tag")"
    built+="  $image:$tag  $("$engine" images --format '{{.Size}}' "$(name "$image" "$tag")" | sed -n 1p), built in $((SECONDS - start)) s"$'\n'
  done
  printf '\n%s\nTo deploy:\n' "$built"
  for image in "$@"; do
    echo "  helm upgrade --install hello chart --namespace hello --create-namespace --set runtime=${image#hello-},image.tag=$tag"
  done
}

save() { # image with its tag or without, file
  local image
  image=$(name "${1%%:*}" "$([[ $1 != *:* ]] || echo "${1#*:}")")
  rm -f "$2"
  case $engine in
    docker) docker save --output "$2" "$image" ;;
    podman) podman save --quiet --format docker-archive --output "$2" "$image" ;;
    buildah) buildah push --quiet "$image" "docker-archive:$2:$image" ;;
  esac
}

unpack() { # image, folder
  local layer layers
  archive=$(mktemp --directory)
  trap 'rm -rf "$archive"' EXIT
  save "$1" "$archive/image.tar"
  tar --extract --file "$archive/image.tar" --directory "$archive"
  layers=$(jq --raw-output '.[0].Layers[]' "$archive/manifest.json")
  mkdir -p "$2"
  for layer in $layers; do tar --extract --file "$archive/$layer" --directory "$2"; done
}

images=(hello-native hello-spin hello-wasm)
case ${1:-} in
  build)
    [ -z "${2:-}" ] || images=("hello-$2")
    case ${2:-} in
      '' | native | wasm | spin) build_locally "${images[@]}" ;;
      *)
        echo "there is no image for RUNTIME=$2; use native, wasm or spin" >&2
        exit 64
        ;;
    esac
    ;;
  push)
    mkdir -p "$3"
    for image in "${images[@]}"; do
      echo "building $image:$version with docker buildx"
      build "$image" docker buildx build --provenance mode=max --metadata-file "$3/metadata.json" \
        --output "type=image,name=$2/$image,push=true,push-by-digest=true,name-canonical=true"
      jq --raw-output '.["containerimage.digest"]' "$3/metadata.json" >"$3/$image"
    done
    rm "$3/metadata.json"
    ;;
  save) save "$2" "$3" ;;
  unpack) unpack "$2" "$3" ;;
  engine) echo $engine ;;
  *)
    sed -n 's/^# \?//; 4,11p' "$0" >&2
    exit 64
    ;;
esac
