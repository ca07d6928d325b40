#!/usr/bin/env bash
# What the compiler is told of which code runs, and how often, where requests are served: a profile. It decides by it what to inline,
# and what to put together, and a request takes a quarter less.
#
# usage: scripts/profile.sh flags TARGET_DIR    say how rustc takes the profile; nothing where there is none for this rustc
#        scripts/profile.sh make                make it: build what is measured, but counting, and have it serve (twenty minutes)
#
# A profile fits one build: of the same rustc, target, Cargo.lock, features and profile of Cargo. Of what has changed since, it says
# nothing, and that is compiled as without.
set -euo pipefail
cd "$(dirname "$0")/.."

rustc=$(rustc --version | cut -d ' ' -f 2)
host=$(rustc --print host-tuple)
profile=pgo/$rustc-$host.profdata

flags() { # target directory
  if [ ! -f "$profile" ]; then
    echo "there is no $profile, so what is built for this rustc takes a third longer to answer; \`make profile\` makes it" >&2
    return
  fi
  # cargo sees when a path changes, not when a file does.
  local path
  path=$(realpath --canonicalize-missing "$1")/$(sha256sum "$profile" | cut -c 1-16).profdata
  mkdir -p "$1"
  [ -f "$path" ] || cp "$profile" "$path"
  # Without a warning for every function that has changed since.
  echo "-Cprofile-use=$path -Cllvm-args=-no-pgo-warn-mismatch"
}

build() { # arguments of cargo
  RUSTFLAGS="-Cprofile-generate=$counts" cargo build --locked --target host-tuple --release "$@"
}

# Whoever answers without reading a body, as bare-hyper does, may be gone before curl has sent it all: 55.
ask() { curl --silent --no-progress-meter --parallel --parallel-max 32 "$@" >/dev/null || [ $? = 55 ]; }

serve() { # address, program and arguments
  local url=http://$1/ server
  shift
  echo "counting: $(basename "$1")"
  LLVM_PROFILE_FILE=$counts/%p-%m.profraw "$@" 2>/dev/null &
  server=$!
  until curl --silent --output /dev/null "$url"; do
    kill -0 $server
  done
  ask "$url?[1-100000]"
  ask --data-binary "@$counts/1KiB" "${url}echo?[1-5000]"
  ask --data-binary "@$counts/1MiB" "${url}echo?[1-50]"
  ask --header 'Accept: text/html' "$url?[1-100]"
  ask "$url"{headers,info,healthz,status/404,delay/0.01,openapi.json,none}
  kill -INT $server
  wait $server
}

make_profile() {
  local tools target programs address=127.0.0.9:18080
  tools=$(rustc --print sysroot)/lib/rustlib/$host/bin
  if [ ! -x "$tools/llvm-profdata" ]; then
    echo "llvm-profdata is missing; \`rustup component add llvm-tools\` has it" >&2
    exit 1
  fi
  # Not among the others: everything is compiled in another way.
  target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/pgo
  counts=$target/counts
  programs=$target/$host/release
  rm -rf "$counts"
  mkdir -p "$counts"
  export CARGO_TARGET_DIR=$target

  # As the Makefile builds them.
  build --package hello-native
  build --package hello-host
  build --package bench --bins

  # Not counted: what it takes to compile is not what a request takes.
  for wasi in 0.2 0.3; do
    LLVM_PROFILE_FILE=/dev/null "$programs/hello-host" compile dist/hello-wasi-$wasi.wasm -o "$counts/$wasi.cwasm"
  done
  head -c 1024 /dev/zero >"$counts/1KiB"
  head -c 1048576 /dev/zero >"$counts/1MiB"
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
  local listen=(--listen "$address" --admin-listen 127.0.0.9:0)
  serve $address "$programs/hello-native" "${listen[@]}"
  for wasi in 0.2 0.3; do
    serve $address "$programs/hello-host" serve "$counts/$wasi.cwasm" --precompiled "${listen[@]}"
  done
  # With a line for each request, and spans, which the server takes itself.
  export OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.01
  export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://$address/echo
  serve $address "$programs/hello-native" "${listen[@]}" --access-log 1
  serve $address "$programs/hello-host" serve "$counts/0.3.cwasm" --precompiled "${listen[@]}" --access-log 1
  unset "${!OTEL_@}"
  serve $address "$programs/work-native" "${listen[@]}"
  for peer in bare-hyper axum-serve; do
    serve $address "$programs/$peer" $address
  done

  mkdir -p pgo
  rm -f pgo/*-"$host".profdata
  "$tools/llvm-profdata" merge --sparse --output "$profile" "$counts"/*.profraw
  echo "made $profile; it is used from the next build on, and \`make instructions\` says what it has changed"
}

case ${1:-} in
  flags) flags "$2" ;;
  make) make_profile ;;
  *)
    sed -n 's/^# \?//; 5,6p' "$0" >&2
    exit 64
    ;;
esac
