#!/usr/bin/env bash
# Builds the programs of the cluster from Go modules, where they are not built yet, into FOLDER.
# The first time takes about 15 minutes on two cores; what is pinned is in the go.mod files and below.
#
# usage: programs.sh FOLDER
set -euo pipefail
mkdir -p "$1"
programs=$(cd "$1" && pwd)
cd "$(dirname "$0")"

# Other versions are another cluster. Go remembers what it has compiled.
pinned=$(cat programs.sh ./*/go.mod | sha256sum)
if [ ! -e "$programs/.pinned" ] && [ -n "$(ls -A "$programs")" ]; then
  echo "$programs holds something else; programs of the cluster go into a folder of their own" >&2
  exit 1
elif [ "$pinned" != "$(cat "$programs/.pinned" 2>/dev/null)" ]; then
  rm -rf "$programs"
  mkdir "$programs"
  echo "$pinned" >"$programs/.pinned"
fi

missing() { # program
  [ ! -x "$programs/$1" ] && echo "building $1" >&2
}
from_module() { # module program package [link flags]
  missing "$2" || return 0
  (cd "$1" && go build -ldflags "-s -w ${4:-}" -o "$programs/.$2" "$3")
  mv "$programs/.$2" "$programs/$2"
}
published() { # program package@version [build tags]
  missing "$1" || return 0
  GOBIN="$programs/.$1" go install -ldflags "-s -w" -tags "${3:-}" "$2"
  mv "$programs/.$1/$(basename "${2%@*}")" "$programs/$1"
  rmdir "$programs/.$1"
}

# Unstamped, Kubernetes calls itself v0.0.0-master, and charts refuse that.
kubernetes=$(sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\).*|\1|p' kubernetes/go.mod)
stamp="-X k8s.io/component-base/version.gitVersion=$kubernetes -X k8s.io/component-base/version.gitMajor=1"
stamp+=" -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$kubernetes")"
for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
  from_module kubernetes $program k8s.io/kubernetes/cmd/$program "$stamp"
done
from_module etcd etcd go.etcd.io/etcd/server/v3
from_module argocd argocd github.com/argoproj/argo-cd/v3/cmd
from_module argo-rollouts rollouts-controller github.com/argoproj/argo-rollouts/cmd/rollouts-controller
from_module spin-operator spin-operator github.com/spinkube/spin-operator/cmd
from_module prometheus-adapter prometheus-adapter sigs.k8s.io/prometheus-adapter/cmd/adapter
published helm helm.sh/helm/v4/cmd/helm@v4.3.1
published coredns github.com/coredns/coredns@v1.15.0
# The bridge that pods are at enforces no NetworkPolicy.
published kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router@v2.1.0
published metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server@v0.9.0
# Debian's, which the tests outside the cluster take, does not look for pods.
published prometheus-of-pods github.com/prometheus/prometheus/cmd/prometheus@v0.316.0 remove_all_sd,enable_kubernetes_sd
