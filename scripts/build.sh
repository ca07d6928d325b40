#!/usr/bin/env bash
# Builds packages with the same settings for dist/, the images and the benchmarks. Prints the folder with the results.
#
# usage: scripts/build.sh PROFILE KIND ARGUMENT...
#   PROFILE     release: shipped and measured. quick: builds in half the time, for `make run`, and runs slower
#   KIND        program: for this machine. component: for wasm32-wasip2
#   ARGUMENT    argument of `cargo build`, such as --package hello-native
# CARGO is the command that builds, such as CARGO="cargo auditable". The default is cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/requirements.sh
source scripts/requirements.sh

fail() {
  echo "$1" >&2
  exit 1
}
usage() {
  sed -n 's/^# \?//; 3,8p' "$0" >&2
  exit 64
}

[ $# -ge 3 ] || usage
profile=$1 kind=$2
shift 2
target_dir=${CARGO_TARGET_DIR:-target}
mkdir -p "$target_dir"

# Reports missing programs before anything is compiled.
missing=$(missing_rust)
[ -z "$missing" ] || fail "Rust $missing"
missing=$(missing_compiler)
[ -z "$missing" ] || fail "C compiler: $missing"

# Keeps paths of this machine, and the time that mimalloc has in a message, out of the results. The same source builds the same bytes.
flags="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src/= --remap-path-prefix=$(cd "$target_dir" && pwd)/="
export SOURCE_DATE_EPOCH=0

case $profile-$kind in
  release-program)
    target=$(release_target)
    has_std "$target" || { has rustup && rustup target add "$target" >&2; } || true
    missing=$(missing_release_target "$target")
    [ -z "$missing" ] || fail "$target: $missing"
    # The linker packs relocations, which makes hello-host 0.2 MiB smaller.
    [[ $target != *-linux-* ]] || flags+=" -C link-arg=-Wl,-z,pack-relative-relocs"
    export RUSTFLAGS=$flags
    ;;
  *-component)
    target=wasm32-wasip2
    scripts/wasm-target.sh "$target_dir"
    export RUSTFLAGS=$flags
    # An unoptimised component is so large that the host compiles it longer than this takes.
    if [ "$profile" = quick ]; then export CARGO_PROFILE_QUICK_OPT_LEVEL=1; fi
    ;;
  # For this machine: needs no other target, and shares dependencies with build scripts.
  quick-program) target='' ;;
  *) usage ;;
esac

export HELLO_PROFILE=$profile
# shellcheck disable=SC2086 # CARGO may have several words.
${CARGO:-cargo} build --locked --profile "$profile" ${target:+--target "$target"} "$@" >&2
echo "$target_dir/${target:+$target/}$profile"
