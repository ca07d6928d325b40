#!/usr/bin/env bash
# Installs the standard library for WebAssembly components (the target wasm32-wasip2), once per machine.
# If rustup cannot reach its server, the library is built from Debian's source package of the same Rust version, with Debian's
# wasi-libc, from the mirror that apt uses (about a minute).
#
# usage: scripts/wasm-target.sh [TARGET_DIR]
# Removes results in TARGET_DIR that were compiled with another build of the library. They are unusable, and cargo does not notice.
set -euo pipefail

target=wasm32-wasip2
libraries=$(rustc --print sysroot)/lib/rustlib/$target
has_target() { compgen -G "$libraries/lib/libstd-*.rlib" >/dev/null && [ -e "$libraries/lib/self-contained/libc.a" ]; }

fail() {
  echo "cannot set up $target: $1; install it with rustup target add $target or your distribution's package, then try again" >&2
  exit 1
}
build_from_debian() (
  for tool in curl xz dpkg-deb cargo; do
    command -v "$tool" >/dev/null || fail "rustup could not add it, and Debian's packages cannot be used without $tool"
  done

  version=$(rustc -vV | sed -n 's/^release: //p')
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | sed -n 1p)
  [ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' /etc/apt/sources.list 2>/dev/null | sed -n 1p)
  [ -n "$mirror" ] || fail "rustup could not add it, and apt has no Debian mirror"

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  # Backports have Rust versions that are newer than the release; testing and unstable have the newest.
  for suite in trixie-backports trixie forky sid; do
    curl -fsS "$mirror/dists/$suite/main/binary-amd64/Packages.xz" 2>/dev/null | xz -dc 2>/dev/null || true
  done >packages
  package() { # name, beginning of the version -> path on the mirror
    awk -v name="$1" -v version="$2" '
      /^Package: /  { found = $2 == name }
      /^Version: /  { fits = index($2, version) == 1 }
      /^Filename: / { if (found && fits) path = $2 }
      END           { print path }' packages
  }
  source=$(package rust-src "$version")
  libc=$(package wasi-libc 0)
  [ -n "$source" ] || fail "Debian has no source package of Rust $version"
  [ -n "$libc" ] || fail "Debian has no package wasi-libc"
  curl -fsS -o source.deb "$mirror/$source"
  curl -fsS -o libc.deb "$mirror/$libc"
  dpkg-deb -x source.deb source
  dpkg-deb -x libc.deb libc

  # The flags of Rust's own build. Without them, other crates do not link with this library.
  export RUSTC_BOOTSTRAP=1 __CARGO_DEFAULT_LIB_METADATA=stablestd
  export RUSTFLAGS="-Zforce-unstable-if-unmarked -Cembed-bitcode=yes -Cpanic=abort"
  cargo build --quiet --release --package sysroot --features compiler-builtins-mem --target "$target" --target-dir build \
    --manifest-path "source/usr/src/rustc-$version/library/sysroot/Cargo.toml" >&2

  mkdir -p "$libraries/lib/self-contained"
  rm -f "$libraries"/lib/*.rlib
  cp "libc/usr/lib/$target/"{crt1-command.o,crt1-reactor.o,libc.a} "$libraries/lib/self-contained/"
  cp "build/$target/release/deps/"*.rlib "$libraries/lib/"
)

if ! has_target; then
  echo "Setting up the target $target (once per machine) ..." >&2
  { rustup target add "$target" >/dev/null 2>&1 && has_target; } || build_from_debian
  has_target || fail "the installed library is incomplete"
fi

if [ -n "${1:-}" ]; then
  built=$1/$target
  library=$(sha256sum "$libraries"/lib/libcore-*.rlib | cut -d' ' -f1)
  if [ "$library" != "$(cat "$built/.standard-library" 2>/dev/null)" ]; then
    rm -rf "$built"
    mkdir -p "$built"
    echo "$library" >"$built/.standard-library"
  fi
fi
