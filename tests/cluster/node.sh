#!/usr/bin/env bash
# The node from inside: process 1 of its own namespaces, started by cluster.sh, which see. Everything below HOME/run is at
# /srv/run here. When one of the programs ends, so does this, and with it everything.
#
# usage: node.sh HOME
set -euo pipefail

# --- the node's own view of the file system: state that programs keep in fixed places goes to HOME/run
mount --make-rshared /
mount --bind "$1" /srv
cd /srv/run
mount --bind lib /var/lib
mount --bind log /var/log
mount -t tmpfs tmpfs /run
# Names are those of the cluster; where the machine's are behind a link, it leads to /run.
[ -e /etc/resolv.conf ] || install -D /dev/null "$(readlink -m /etc/resolv.conf)"
mount --bind config/resolv.conf /etc/resolv.conf
PATH=/srv/bin:$PATH
for controller in /sys/fs/cgroup /sys/fs/cgroup/*/; do
  if [ -e "$controller/cgroup.procs" ]; then mkdir -p "$controller/hello-cluster"; fi
done

# --- its network: a cable to the machine, at addresses that are reserved for tests (RFC 2544)
address=198.18.0.2
hostname hello-node
ip link set lo up
nsenter --net=/proc/self/fd/9 ip link add test-cluster type veth peer name eth0 netns 1
nsenter --net=/proc/self/fd/9 ip address add 198.18.0.1/30 dev test-cluster
nsenter --net=/proc/self/fd/9 ip link set test-cluster up
exec 9<&-
ip address add $address/30 dev eth0
ip link set eth0 up
ip route add default via 198.18.0.1
echo 1 >/proc/sys/net/ipv4/ip_forward

# --- certificates and keys
key() { openssl req "$@" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes 2>/dev/null; }
key -x509 -keyout pki/ca.key -out pki/ca.crt -days 30 -subj /CN=hello-cluster
certificate() { # name, subject, alternative names
  key -keyout "pki/$1.key" -out "pki/$1.csr" -subj "$2"
  openssl x509 -req -in "pki/$1.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -out "pki/$1.crt" -days 30 \
    -extfile <(echo "subjectAltName=${3:-DNS:$1}") 2>/dev/null
}
identity() { # name, subject: a certificate, and a kubeconfig with it
  certificate "$1" "$2"
  local config=(kubectl --kubeconfig "$1.conf" config)
  "${config[@]}" set-cluster hello-cluster --server=https://$address:6443 --certificate-authority=pki/ca.crt --embed-certs
  "${config[@]}" set-credentials "$1" --client-certificate="pki/$1.crt" --client-key="pki/$1.key" --embed-certs
  "${config[@]}" set-context hello-cluster --cluster=hello-cluster --user="$1"
  "${config[@]}" use-context hello-cluster
}
certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:10.96.0.1,IP:$address"
certificate apiserver-client /O=system:masters/CN=kube-apiserver
openssl ecparam -name prime256v1 -genkey -noout -out pki/service-accounts.key
identity admin /O=system:masters/CN=admin
identity controllers /CN=system:kube-controller-manager
identity scheduler /CN=system:kube-scheduler
identity proxy /CN=system:kube-proxy
identity kubelet /O=system:nodes/CN=system:node:hello-node
export KUBECONFIG=/srv/run/admin.conf

# --- its programs
declare -A programs
start() { # name, command
  "${@:2}" >"log/$1.log" 2>&1 &
  programs[$1]=$!
}
ended() { # the first program that has ended, and why
  for name in "${!programs[@]}"; do
    if ! kill -0 "${programs[$name]}" 2>/dev/null; then
      echo "$name has ended:"
      tail -n 5 "log/$name.log"
      return
    fi
  done
  return 1
}
wait_for() { # command
  for _ in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return; fi
    if ended; then exit 1; fi
    sleep 0.1
  done
  echo "gave up waiting for: $*"
  exit 1
}

# Nothing here is to survive a power cut, so etcd need not wait for the disk.
start etcd etcd --data-dir lib/etcd --unsafe-no-fsync
start kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$address \
  --authorization-mode=Node,RBAC --allow-privileged --service-cluster-ip-range=10.96.0.0/16 \
  --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key --client-ca-file=pki/ca.crt \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=pki/service-accounts.key \
  --service-account-signing-key-file=pki/service-accounts.key --kubelet-preferred-address-types=InternalIP \
  --kubelet-client-certificate=pki/apiserver-client.crt --kubelet-client-key=pki/apiserver-client.key \
  --proxy-client-cert-file=pki/apiserver-client.crt --proxy-client-key-file=pki/apiserver-client.key \
  --requestheader-client-ca-file=pki/ca.crt --requestheader-username-headers=X-Remote-User \
  --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- --enable-aggregator-routing
wait_for kubectl get --raw /readyz

# The autoscaler decides in seconds, so that a test of it is done in a minute.
start kube-controller-manager kube-controller-manager --kubeconfig=controllers.conf --leader-elect=false \
  --service-account-private-key-file=pki/service-accounts.key --root-ca-file=pki/ca.crt --use-service-account-credentials \
  --allocate-node-cidrs --cluster-cidr=10.244.0.0/16 --horizontal-pod-autoscaler-sync-period=2s \
  --horizontal-pod-autoscaler-downscale-stabilization=5s --horizontal-pod-autoscaler-cpu-initialization-period=10s \
  --horizontal-pod-autoscaler-initial-readiness-delay=5s
start kube-scheduler kube-scheduler --kubeconfig=scheduler.conf --leader-elect=false
start containerd containerd --config config/containerd.toml
wait_for ctr --address containerd.sock version

# What the node needs of images, from the machine's programs: what pods are held open with, what `helm test` asks with (not the static
# busybox, which cannot look up names), what `make monitoring` brings up, and what else docs/telemetry has.
image() { # name, program, how it is called: JSON
  local root work
  work=$(mktemp -d)
  root=$work/root
  mkdir -p "$root/bin"
  cp "$(command -v "$2")" "$root/bin/"
  if ldd "$root/bin/$2" >/dev/null 2>&1; then # Others have no libraries.
    ldd "$root/bin/$2" | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory "$root"
  fi
  if [ "$2" = busybox ]; then
    for applet in sh sleep timeout wget grep; do ln "$root/bin/busybox" "$root/bin/$applet"; done
  fi
  tar -C "$root" -cf "$work/layer.tar" .
  cat >"$work/config.json" <<JSON
{ "architecture": "$(go env GOARCH)", "os": "linux", "config": { "Env": ["PATH=/bin"], $3 },
  "rootfs": { "type": "layers", "diff_ids": ["sha256:$(sha256sum "$work/layer.tar" | cut -d' ' -f1)"] } }
JSON
  echo "[{ \"Config\": \"config.json\", \"RepoTags\": [\"$1\"], \"Layers\": [\"layer.tar\"] }]" >"$work/manifest.json"
  tar -C "$work" -c config.json manifest.json layer.tar | ctr --address containerd.sock --namespace k8s.io images import -
  rm -r "$work"
}
image localhost/pause:1 busybox '"Cmd": ["sleep", "infinity"]'
image docker.io/library/busybox:1.37 busybox '"Cmd": ["sh"]'
image docker.io/prom/prometheus:v3.16.0 prometheus-of-pods '"Entrypoint": ["prometheus-of-pods"]'
image docker.io/otel/opentelemetry-collector-contrib:0.161.0 otelcol '"Entrypoint": ["otelcol"]'
image registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0 prometheus-adapter '"Entrypoint": ["prometheus-adapter"]'

start kubelet kubelet --config=config/kubelet.yaml --kubeconfig=kubelet.conf --node-ip=$address
start kube-proxy kube-proxy --config=config/kube-proxy.yaml
start coredns coredns -conf config/Corefile
start metrics-server metrics-server --kubeconfig=admin.conf --authentication-kubeconfig=admin.conf \
  --authorization-kubeconfig=admin.conf --secure-port=4443 --cert-dir=pki --kubelet-insecure-tls \
  --kubelet-preferred-address-types=InternalIP --metric-resolution=10s --kubelet-request-timeout=5s
kubectl apply -f config/metrics-server.yaml

# Of kube-router only what enforces NetworkPolicies. It does so by iptables, which the bridge has to show what passes between pods.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
wait_for kubectl wait --for='jsonpath={.spec.podCIDR}' node/hello-node
start kube-router kube-router --kubeconfig=admin.conf --hostname-override=hello-node --service-cluster-ip-range=10.96.0.0/16 \
  --run-firewall --run-router=false --run-service-proxy=false --run-loadbalancer=false --health-port=0

# --- the Spin operator, which makes Deployments of SpinApps
kubectl apply --server-side -f spin-operator
wait_for kubectl wait --for=condition=Established crd --all
start spin-operator spin-operator --metrics-bind-address=0 --health-probe-bind-address=:8092

kubectl apply --server-side -f crds

# --- Argo Rollouts
kubectl apply --server-side -k argo-rollouts
wait_for kubectl wait --for=condition=Established crd --all
kubectl create namespace argo-rollouts
start rollouts-controller rollouts-controller --kubeconfig admin.conf --namespace argo-rollouts --leader-elect=false \
  --metricsPort 8093 --healthzPort 8094 --loglevel warn

# --- Argo CD, without its user interface
kubectl create namespace argocd
kubectl apply --server-side -k argocd/crds
wait_for kubectl wait --for=condition=Established crd --all
kubectl apply --namespace argocd -k argocd/base/config
kubectl patch secret argocd-secret --namespace argocd -p "{\"stringData\":{\"server.secretkey\":\"$(openssl rand -hex 16)\"}}"
argocd() { # name, program, arguments
  start "$1" env ARGOCD_BINARY_NAME="$1" ARGOCD_FAKE_IN_CLUSTER=true ARGOCD_GPG_ENABLED=false HOME=/srv/run/lib \
    argocd --loglevel warn "${@:2}"
}
cp admin.conf argocd.conf
kubectl --kubeconfig argocd.conf config set-context --current --namespace argocd
start redis redis-server --port 6379 --save '' --dir lib
# A commit is to be seen at once, not when a cache of three minutes has run out.
argocd argocd-repo-server --redis 127.0.0.1:6379 --disable-tls --revision-cache-expiration 1s
argocd argocd-application-controller --kubeconfig argocd.conf --redis 127.0.0.1:6379 \
  --repo-server 127.0.0.1:8081 --repo-server-plaintext --app-resync 10 --app-resync-jitter 0 --self-heal-timeout-seconds 2
argocd argocd-applicationset-controller --kubeconfig argocd.conf --namespace argocd \
  --argocd-repo-server 127.0.0.1:8081 --repo-server-plaintext --metrics-addr :8090 --probe-addr :8091

wait_for kubectl wait --for=condition=Ready node/hello-node --timeout=1s
wait_for kubectl get --raw /apis/metrics.k8s.io/v1beta1/nodes
touch ready
wait -n || true
ended
