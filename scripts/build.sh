#!/usr/bin/env bash
# Builds packages with the same settings everywhere: dist/, the images and the benchmarks have the same programs. Prints the folder of
# the results.
#
# usage: scripts/build.sh PROFILE KIND ARGUMENT...
#   PROFILE     release: what is shipped and measured. quick: built in half the time and slower, for `make run`
#   KIND        program: for this machine. component: for wasm32-wasip2
#   ARGUMENT    of `cargo build`, such as --package hello-native
# CARGO="cargo auditable" builds with another command than cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/requirements.sh
source scripts/requirements.sh

fail() {
  echo "$1" >&2
  exit 1
}
usage() {
  sed -n 's/^# \?//; 4,9p' "$0" >&2
  exit 64
}

[ $# -ge 3 ] || usage
profile=$1 kind=$2
shift 2
target_dir=${CARGO_TARGET_DIR:-target}
mkdir -p "$target_dir"

# All that is missing is said before anything is compiled.
missing=$(missing_rust)
[ -z "$missing" ] || fail "Rust $missing"
missing=$(missing_compiler)
[ -z "$missing" ] || fail "C compiler: $missing"

# No path of this machine gets into what is built, nor the time, which mimalloc has in a message: the same source makes the same bytes.
flags="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src/= --remap-path-prefix=$(cd "$target_dir" && pwd)/="
export SOURCE_DATE_EPOCH=0

case $profile-$kind in
  release-program)
    target=$(release_target)
    has_std "$target" || { has rustup && rustup target add "$target" >&2; } || true
    missing=$(missing_release_target "$target")
    [ -z "$missing" ] || fail "$target: $missing"
    # Relocations packed by the linker: 0.2 MiB less of hello-host.
    [[ $target != *-linux-* ]] || flags+=" -C link-arg=-Wl,-z,pack-relative-relocs"
    export RUSTFLAGS=$flags
    ;;
  *-component)
    target=wasm32-wasip2
    scripts/wasm-target.sh "$target_dir"
    export RUSTFLAGS=$flags
    ;;
  # For the machine that builds: needs no other target, and shares dependencies with what runs while others are built.
  quick-program) target='' ;;
  *) usage ;;
esac

export HELLO_PROFILE=$profile
# shellcheck disable=SC2086 # CARGO may be several words.
${CARGO:-cargo} build --locked --profile "$profile" ${target:+--target "$target"} "$@" >&2
echo "$target_dir/${target:+$target/}$profile"
