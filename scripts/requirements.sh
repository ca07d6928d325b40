# shellcheck shell=bash
# Functions that check the requirements of a build, for `source` in the root of the project. Each `missing_*` prints what is missing and
# how to install it, in one line, or nothing.

has() { command -v "$1" >/dev/null; }
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | sed -n 1p)" = "$2" ]; } # version, required version

required_rust() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }
rust_version() { rustc --version 2>/dev/null | cut -d ' ' -f 2 || true; }
has_std() { # target
  compgen -G "$(rustc --print sysroot)/lib/rustlib/$1/lib/libstd-*.rlib" >/dev/null
}

install_compiler() {
  if has apt-get; then echo 'sudo apt-get install build-essential'
  elif has dnf; then echo 'sudo dnf install gcc make'
  elif has pacman; then echo 'sudo pacman -S base-devel'
  elif has apk; then echo 'sudo apk add build-base'
  elif has xcode-select; then echo 'xcode-select --install'
  else echo 'install gcc or clang, with its headers, by the package manager of this system'; fi
}

install_program() { # name, page with other ways to install it
  if has brew; then echo "brew install $1"; else echo "$2 says how"; fi
}
missing_program() { # name, page with other ways to install it
  has "$1" || echo "is not here: $(install_program "$1" "$2")"
}

missing_rust() {
  local version wanted update
  version=$(rust_version) wanted=$(required_rust)
  if [ -z "$version" ] || ! has cargo; then
    echo "not installed; $wanted or newer: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
  elif ! at_least "$version" "$wanted"; then
    update='your system may have a newer package; https://rustup.rs always has'
    ! has rustup || update='rustup update stable && rustup default stable'
    echo "$version is too old; $wanted or newer: $update"
  fi
}

# The C compiler, and the linker, which Rust starts through it.
missing_compiler() {
  if ! has cc; then
    echo "cc is not installed: $(install_compiler)"
  elif ! echo '#include <stdlib.h>' | cc -x c -fsyntax-only - 2>/dev/null; then
    echo "cc does not find the headers of C: $(install_compiler)"
  elif ! echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null 2>/dev/null; then
    echo "cc does not link a program (is ld installed?): $(install_compiler)"
  fi
}

# Available memory in MiB; nothing if `free` is not installed, as on macOS.
available_memory() { ! has free || free -m | sed -n 's/^Mem:.* \([0-9]*\)$/\1/p'; }

# The target of the programs in dist/ and the images. On Linux it links statically, so that an image has no other file.
release_target() {
  if [ "$(uname -s)" = Linux ]; then echo "$(uname -m)-unknown-linux-musl"
  else rustc --print host-tuple; fi
}

install_musl() {
  if has apt-get; then echo 'sudo apt-get install musl-tools'
  elif has dnf; then echo 'sudo dnf install musl-gcc'
  elif has pacman; then echo 'sudo pacman -S musl'
  else echo 'install musl-gcc by the package manager of this system'; fi
}

missing_release_target() { # target
  if [[ $1 == *-musl ]] && ! has musl-gcc && [[ $(rustc --print host-tuple) != *-musl ]]; then
    echo "musl-gcc is not installed: $(install_musl)"
  elif ! has_std "$1"; then
    echo "Rust has no standard library for it: rustup target add $1"
  fi
}
