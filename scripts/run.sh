#!/usr/bin/env bash
# Builds only the programs of one runtime, with the quick profile, and serves on 127.0.0.1:8080.
#
# usage: scripts/run.sh RUNTIME    native, wasm (the component for WASI 0.3), wasm-p2 (for WASI 0.2) or spin
set -euo pipefail
cd "$(dirname "$0")/.."

first_time() { # program, how long
  [ -e "${CARGO_TARGET_DIR:-target}/quick/$1" ] || echo "Building $1: about $2 the first time, seconds after a change" >&2
}

case $1 in
  native)
    first_time hello-native 'one minute'
    programs=$(scripts/build.sh quick program --package hello-native)
    serve=("$programs/hello-native")
    ;;
  wasm | wasm-p2)
    wasi=0.3
    [ "$1" = wasm ] || wasi=0.2
    first_time hello-host 'four minutes'
    # The component first, as it builds faster: errors are reported sooner.
    components=$(scripts/build.sh quick component --package "hello-wasi-${wasi/./-}")
    programs=$(scripts/build.sh quick program --package hello-host)
    serve=("$programs/hello-host" serve "$components/hello_wasi_${wasi/./_}.wasm")
    ;;
  spin)
    command -v spin >/dev/null || {
      echo "RUNTIME=spin needs the program spin, which is not on PATH; install it: https://spinframework.dev/install" >&2
      exit 1
    }
    serve=(spin up --build --listen 127.0.0.1:8080)
    ;;
  *)
    echo "RUNTIME=$1 is not known; use native, wasm, wasm-p2 or spin" >&2
    exit 64
    ;;
esac

exec "${serve[@]}"
