#!/usr/bin/env bash
# Renders the chart into plain manifests for `kubectl apply -k`, one folder per runtime.
#
# usage: scripts/manifests.sh FOLDER
set -euo pipefail
chart=$(dirname "$0")/../chart
command -v helm >/dev/null || { echo "rendering needs helm; https://helm.sh/docs/intro/install has it" >&2; exit 1; }

for runtime in native wasm spin; do
  folder=$1/$runtime
  mkdir -p "$folder"
  # Leaves out what only helm needs: its tests, its labels, and the comments with names of templates.
  helm template hello "$chart" --namespace hello --skip-tests --set "runtime=$runtime" |
    sed '/^# Source: /d; /app.kubernetes.io\/managed-by: Helm/d; /helm.sh\/chart: /d' >"$folder/hello.yaml"
  cat >"$folder/namespace.yaml" <<'YAML'
apiVersion: v1
kind: Namespace
metadata:
  name: hello
  labels:
    pod-security.kubernetes.io/enforce: restricted
YAML
  cat >"$folder/kustomization.yaml" <<'YAML'
# Rendered from chart/ by `make manifests`.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: hello
resources:
  - namespace.yaml
  - hello.yaml
YAML
done
