#!/usr/bin/env bash
# Gives the Dockerfile its base image where no registry can be reached: a stand-in of the same name, from Debian's packages and this
# machine's Rust. Does nothing where the image is there or can be pulled.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=docker.io/library/$(sed -n 's/^FROM \(rust:[^ ]*\).*/\1/p' Dockerfile)
suite=${image##*-}

path=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

engine=$(scripts/images.sh engine)
if [ "$engine" = buildah ]; then
  exists() { buildah inspect --type image "$image" >/dev/null 2>&1; }
  import() { # root file system
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$1" /
    buildah config --env "PATH=$path" --env "CARGO_HOME=/usr/local/cargo" "$container"
    buildah commit --quiet --rm "$container" "$image"
  }
else
  exists() { $engine image inspect "$image" >/dev/null 2>&1; }
  import() { tar -C "$1" -c . | $engine import --change "ENV PATH=$path" --change "ENV CARGO_HOME=/usr/local/cargo" - "$image"; }
fi

if exists || error=$($engine pull "$image" 2>&1 >/dev/null); then exit; fi
echo "cannot pull $image: $(tail -n 1 <<<"$error")"
version=$(sed -n 's/^FROM rust:\([0-9.]*\).*/\1/p' Dockerfile)
if [[ $(rustc --version) != "rustc $version."* ]]; then
  echo "for a stand-in, Rust $version is needed here; this is $(rustc --version)" >&2
  exit 1
fi
echo "making a stand-in of that name; remove it where it is in the way: $engine rmi $image"

# The standard libraries that the Dockerfile wants go along: the stand-in has no rustup.
scripts/wasm-target.sh
rustup target add "$(uname -m)-unknown-linux-musl"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev,musl-tools "$suite" "$root" >/dev/null
# Registries may be mirrors that only this machine knows to trust.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
mkdir -p "$root/usr/local/rust" "$root/usr/local/cargo/bin"
cp -a "$(rustc --print sysroot)"/{bin,lib,libexec} "$root/usr/local/rust/"
for program in cargo rustc rustdoc; do
  ln -s "/usr/local/rust/bin/$program" "$root/usr/local/cargo/bin/$program"
done
import "$root"
