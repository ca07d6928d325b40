#!/usr/bin/env bash
# A throwaway Kubernetes of one node with Argo CD, Argo Rollouts, CoreDNS, kube-router and metrics-server, without minikube or kind.
#
# usage: cluster.sh up            start it, and leave it running
#        cluster.sh down          stop it, and remove all it has left but the programs
#        cluster.sh run COMMAND   run a command in it: in the one that is up, or in one that lives as long as the command
#        cluster.sh load IMAGE…   give it images that `make images` built, such as hello-native
#
# The node is a process with namespaces of its own (node.sh), like a container. Its network, mounts and processes are gone when it
# is, however it ends; its files are at the next start. Needs root, Linux, Go, and what `need` lists.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/hello/cluster
run=$home/run

fail() {
  echo "cluster: $1" >&2
  exit 1
}

need() {
  [ "$(id -u)" = 0 ] || fail "needs root, as it makes network interfaces and containers; minikube and kind do not"
  command -v go >/dev/null || fail "needs Go, in the version that tests/cluster/*/go.mod name: https://go.dev/dl"
  local missing=()
  for package in containerd:containerd runc:runc iptables:iptables ip:iproute2 conntrack:conntrack ipset:ipset openssl:openssl \
    redis-server:redis-server busybox:busybox git:git /usr/lib/cni/bridge:containernetworking-plugins; do
    command -v "${package%%:*}" >/dev/null || missing+=("${package##*:}")
  done
  [ ${#missing[@]} = 0 ] || fail "needs more programs: apt-get install ${missing[*]}"
}

# The process id of the node, whichever clone has started it.
node() { pgrep --oldest --full "unshare .*/node\.sh $home\$"; }
is_up() { [ -e "$run/ready" ] && node >/dev/null; }

# One at a time; what they start does not hold on to it.
lock() {
  mkdir -p "$home"
  exec 8>"$home/lock"
  flock --nonblock 8 || fail "another $(basename "$0") is at work"
}

# Copies what a module publishes to be applied to a cluster, into a folder of the node that is called as the folder here is.
manifests() { # folder here, module, file or folder of the module
  local folder
  folder=$(cd "$here/$1" && go mod download -json "$2" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
  cp -r "$folder/$3" "$run/$(basename "$1")"
  chmod -R u+w "$run/$(basename "$1")"
}

# Starts the node, by a command that decides how long it lives.
start() {
  need
  "$here/programs.sh" "$home/bin"
  # The one that the test of traces takes.
  "$here/../infra/collector/build.sh" "$home/../collector"
  ln --force "$home/../collector/otelcol" "$home/bin/"
  down
  mkdir -p "$run"/{log,lib,pki}
  cp -r "$here/config" "$run/"
  manifests argocd github.com/argoproj/argo-cd/v3 manifests
  manifests argo-rollouts github.com/argoproj/argo-rollouts manifests/crds
  manifests spin-operator github.com/spinkube/spin-operator config/crd/bases
  # The kinds of the chart that Kubernetes itself does not have.
  mkdir -p "$run/crds"
  manifests config/crds sigs.k8s.io/gateway-api config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
  for kind in podmonitors prometheusrules servicemonitors; do
    manifests config/crds github.com/prometheus-operator/prometheus-operator "example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml"
  done
  # The namespace of the machine's network goes along, for the one cable between the two.
  "$@" unshare --mount --net --pid --ipc --uts --fork --kill-child --mount-proc "$here/node.sh" "$home" \
    8>&- 9</proc/self/ns/net >"$run/log/node.log" 2>&1 </dev/null &
  local pid=$!
  disown # Its end is no news of the shell's.
  until [ -e "$run/ready" ]; do
    kill -0 $pid 2>/dev/null || { tail -n 20 "$run/log/node.log" >&2; fail "the node has ended; more is in $run/log"; }
    sleep 0.2
  done
}

up() {
  if context=$(kubectl config current-context 2>/dev/null) && [[ $context == minikube || $context == kind-* ]]; then
    kubectl get nodes
    echo "That is the cluster of the current context, $context."
    return
  fi
  is_up || start setsid
  echo "The cluster is up; its node is at 198.18.0.2. To use it:"
  echo "  export KUBECONFIG=$run/admin.conf PATH=$home/bin:\$PATH"
  echo "To give it images: $0 load hello-native. To end it: make cluster-down"
}

down() {
  local pid
  if pid=$(node); then
    kill -KILL "$pid"
    # Its namespaces end with its last process, and the cable with them.
    while node >/dev/null || [ -e /sys/class/net/test-cluster ]; do sleep 0.1; done
  fi
  find /sys/fs/cgroup -depth -type d -path '*/hello-cluster*' -exec rmdir {} + 2>/dev/null || true
  rm -rf "$run"
}

load() {
  is_up || fail "is not up; make cluster starts it"
  local image archive
  archive=$(mktemp)
  for image in "$@"; do
    "$here/../../scripts/images.sh" save "$image" "$archive"
    ctr --address "$run/containerd.sock" --namespace k8s.io images import "$archive" >/dev/null
  done
  rm "$archive"
}

run() {
  if ! is_up; then
    trap down EXIT
    start setpriv --pdeathsig KILL
  fi
  # A shell that waits heeds signals; one whose command is in the foreground does not.
  trap 'kill $! 2>/dev/null; exit 130' INT TERM
  KUBECONFIG=$run/admin.conf PATH=$home/bin:$PATH "$@" 8>&- &
  wait $!
}

case ${1:-} in
  up | down) lock && "$1" ;;
  run) lock && run "${@:2}" ;;
  load) load "${@:2}" ;;
  *) sed -n 's/^# \?//; 2,7p' "$0" >&2; exit 64 ;;
esac
