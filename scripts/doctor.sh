#!/usr/bin/env bash
# Reports what this machine and the cluster of kubectl's context have of what hello needs, what is wrong with a deployment, and the
# command that fixes it. Changes nothing, but builds tools/, which examines the cluster.
#
# usage: scripts/doctor.sh [NAMESPACE]    of the deployment; hello by default
# Exits with 0 if `make run` works for native and for wasm. Nothing else is required.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/requirements.sh
source scripts/requirements.sh
# shellcheck source=scripts/report.sh
source scripts/report.sh

[[ ${1:-} != -* ]] || { sed -n 's/^# \?//; 2,6p' "$0" >&2; exit 64; }

# What each runtime lacks, in a few words.
for_native='' for_wasm='' for_spin=''
lack() { # list, what
  local list=for_$1
  printf -v "$list" '%s' "${!list:+${!list}, }$2"
}

require() { # subject, its state, what is wrong with it, the runtime that needs it, what that lacks then
  if [ -z "$3" ]; then ok "$1" "$2"; else bad "$1" "$3"; lack "$4" "$5"; fi
}
recommend() { # subject, its state, what is wrong with it
  if [ -z "$3" ]; then ok "$1" "$2"; else optional "$1" "$3"; fi
}
first_line() { "$@" 2>/dev/null </dev/null | sed -n 1p || true; } # of what a command prints

# --- this machine

examine_wasm_target() {
  local target=wasm32-wasip2
  if [ -z "$(rust_version)" ]; then optional $target 'comes with Rust'
  elif has_std $target; then ok $target installed
  elif has rustup || has dpkg-deb; then
    optional $target 'not installed yet; the first make run or make build installs it (scripts/wasm-target.sh)'
  else
    bad $target "not installed: your distribution's package for it, or Rust by https://rustup.rs"
    lack wasm $target
  fi
}

examine_memory() {
  local memory add='end other programs, or add swap'
  memory=$(available_memory)
  if [ -z "$memory" ]; then optional memory 'unknown; building hello-host needs 2 GiB by make run, 3 GiB by make build'
  elif [ "$memory" -lt 2048 ]; then
    bad memory "$memory MiB available; building hello-host needs 2 GiB by make run, 3 GiB by make build: $add"
    lack wasm memory
  elif [ "$memory" -lt 3072 ]; then optional memory "$memory MiB available, enough for make run; make build needs 3 GiB: $add"
  else ok memory "$memory MiB available"; fi
}

missing_image_builder() {
  local printed
  if [ -n "${DOCKER_HOST:-}" ]; then scripts/images.sh engine 2>&1
  elif ! has docker; then
    echo "none of docker, podman and buildah is here: $(install_program podman https://docs.docker.com/get-docker)"
  elif printed=$(docker info 2>&1 || true) && [[ $printed == *'permission denied'* ]]; then
    # shellcheck disable=SC2016 # A user types it.
    echo 'docker denies access: sudo usermod -aG docker "$USER", and log in again'
  else echo "docker's daemon does not answer: start Docker Desktop, or sudo systemctl start docker"; fi
}

title 'This machine'
no_rust=$(missing_rust)
require Rust "$(rust_version)" "$no_rust" native "Rust $(required_rust)"
examine_wasm_target
require 'C compiler' "$(first_line cc --version)" "$(missing_compiler)" native 'a C compiler'
if [ -z "$no_rust" ]; then
  target=$(release_target)
  missing=$(missing_release_target "$target")
  recommend 'make build' "for $target" "${missing:+$target: $missing}"
fi
examine_memory
require make "$(first_line make --version)" "$(has make || echo "is not here: $(install_compiler)")" native make
if engine=$(scripts/images.sh engine 2>/dev/null); then ok 'image builder' "$(first_line "$engine" --version)"
else optional 'image builder' "$(missing_image_builder || true)"; fi
recommend helm "$(first_line helm version --short)" "$(missing_program helm https://helm.sh/docs/intro/install)"
kubectl=$(first_line kubectl version --client)
recommend kubectl "${kubectl#Client Version: }" "$(missing_program kubectl https://kubernetes.io/docs/tasks/tools)"
clusters=''
! has minikube || clusters="minikube $(first_line minikube version --short)"
! has kind || clusters="${clusters:+$clusters, }$(first_line kind --version)"
if [ -n "$clusters" ]; then ok 'local cluster' "$clusters"
else
  install=$(install_program minikube https://minikube.sigs.k8s.io/docs/start)
  optional 'local cluster' "neither minikube nor kind is here: $install; on Linux, as root, make cluster"
fi
recommend spin "$(first_line spin --version)" "$(has spin || echo 'is not here: https://spinframework.dev/install says how')"
has spin || lack spin spin

# --- the cluster

# Writes its findings to the report. It fails only if it is not built.
examine_cluster() { scripts/tools.sh doctor "$1" 2>&1 >&3 </dev/null; }
exec 3>&1
if [ -n "$no_rust" ]; then not_built='this part of make doctor needs Rust'
elif not_built=$(examine_cluster "${1:-hello}"); then not_built=''; fi
if [ -n "$not_built" ]; then
  title 'The cluster of kubectl'
  optional Kubernetes "not examined: ${not_built%%$'\n'*}"
fi

# --- the result

joined() { echo "$1${1:+${2:+, }}$2"; } # two lists
summarize() { # runtime, how to report what is missing, what is missing
  if [ -z "$3" ]; then ok "$1 here" "works: make run RUNTIME=$1"; else "$2" "$1 here" "missing: $3"; fi
}
for_wasm=$(joined "$for_native" "$for_wasm")
title 'What works on this machine'
summarize native bad "$for_native"
summarize wasm bad "$for_wasm"
summarize spin optional "$(joined "$for_wasm" "$for_spin")"
[ -z "$for_wasm" ]
