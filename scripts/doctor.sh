#!/usr/bin/env bash
# Says what this machine and the cluster of kubectl's context have of what hello needs, what is wrong with a deployed one, and which
# command mends it. Changes nothing.
#
# usage: scripts/doctor.sh [NAMESPACE]    of the deployment; hello by default
# Exits with 0 where `make run` works as native and as wasm. The rest is for those who want it, and fails nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/requirements.sh
source scripts/requirements.sh

[[ ${1:-} != -* ]] || { sed -n 's/^# \?//; 2,6p' "$0" >&2; exit 64; }
namespace=${1:-hello}

# --- how it says so: a mark, what is meant, and its version or what is missing

red='' green='' grey='' bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  red=$'\e[31m' green=$'\e[32m' grey=$'\e[90m' bold=$'\e[1m' plain=$'\e[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
row() { printf '  %s%-2s%s  %-21s %s\n' "$1" "$2" "$plain" "$3" "$4"; }
ok() { row "$green" ok "$1" "$2"; }
bad() { row "$red" '!!' "$1" "$2"; }
without() { row "$grey" '--' "$1" "$2"; } # what can be done without

# What is missing for which way to run, in few words, for the summary.
for_native='' for_wasm='' for_spin='' for_cluster='' for_shim='' on_nodes='' are_nodes_visible=yes
lack() { # list, what
  local list=for_$1
  printf -v "$list" '%s' "${!list:+${!list}, }$2"
}

get_program() { # name, where else
  if has brew; then echo "brew install $1"; else echo "$2 says how"; fi
}

version=$(scripts/version.sh)
default() { sed -n "s/^ *$1: \([a-z0-9.-]*\).*/\1/p" chart/values.yaml | sed -n 1p; } # of a value of the chart
operator=$(sed -n 's/.*spin-operator \(v[0-9.]*\).*/\1/p' tests/cluster/spin-operator/go.mod | sed -n 1p)
spinkube=https://github.com/spinframework/spin-operator/releases/download/$operator
shim='install the Spin shim there, as https://www.spinkube.dev/docs/install says'

# --- this machine

title 'This machine'

rust=$(rust_version)
missing=$(missing_rust)
if [ -n "$missing" ]; then
  bad Rust "$missing"
  lack native "Rust $(required_rust)"
else
  ok Rust "$rust"
fi

target=wasm32-wasip2
if [ -z "$rust" ]; then
  without $target 'comes with Rust'
elif has_std $target; then
  ok $target 'installed'
elif has rustup || has dpkg-deb; then
  without $target 'not installed yet; the first make run or make build installs it (scripts/wasm-target.sh)'
else
  bad $target "not installed: your distribution's package for it, or Rust by https://rustup.rs"
  lack wasm $target
fi

missing=$(missing_compiler)
if [ -n "$missing" ]; then
  bad 'C compiler' "$missing"
  lack native 'a C compiler'
else
  ok 'C compiler' "$(cc --version 2>/dev/null | sed -n 1p)"
fi

if [ -z "$(missing_rust)" ]; then
  target=$(release_target)
  missing=$(missing_release_target "$target")
  if [ -n "$missing" ]; then without 'make build' "$target: $missing"
  else ok 'make build' "for $target"; fi
fi

memory=$(available_memory)
if [ -z "$memory" ]; then without memory 'unknown; building hello-host needs 2 GiB by make run, 3 GiB by make build'
elif [ "$memory" -lt 2048 ]; then
  bad memory "$memory MiB available; building hello-host needs 2 GiB by make run, 3 GiB by make build: end other programs, or add swap"
  lack wasm 'memory'
elif [ "$memory" -lt 3072 ]; then
  without memory "$memory MiB available, enough for make run; make build needs 3 GiB: end other programs, or add swap"
else
  ok memory "$memory MiB available"
fi

if has make; then
  ok make "$(make --version | sed -n 1p)"
else
  bad make "is not here: $(install_compiler)"
  lack native make
fi

if engine=$(scripts/images.sh engine 2>/dev/null); then
  ok 'image builder' "$($engine --version)"
elif [ -n "${DOCKER_HOST:-}" ]; then
  without 'image builder' "$(scripts/images.sh engine 2>&1 || true)"
elif ! has docker; then
  without 'image builder' "none of docker, podman and buildah is here: $(get_program podman https://docs.docker.com/get-docker)"
elif said=$(docker info 2>&1 || true) && [[ $said == *'permission denied'* ]]; then
  # shellcheck disable=SC2016 # they are to be typed
  without 'image builder' 'docker does not let you in: sudo usermod -aG docker "$USER", and log in anew'
else
  without 'image builder' "docker's daemon does not answer: start Docker Desktop, or sudo systemctl start docker"
fi

if has helm; then ok helm "$(helm version --short 2>/dev/null || true)"
else
  without helm "is not here: $(get_program helm https://helm.sh/docs/intro/install)"
  lack cluster helm
fi
if has kubectl; then ok kubectl "$(kubectl version --client 2>/dev/null </dev/null | sed -n 's/^Client Version: //p' || true)"
else
  without kubectl "is not here: $(get_program kubectl https://kubernetes.io/docs/tasks/tools)"
  lack cluster kubectl
fi

clusters=''
! has minikube || clusters="minikube $(minikube version --short 2>/dev/null || true)"
! has kind || clusters="${clusters:+$clusters, }$(kind --version 2>/dev/null || true)"
if [ -n "$clusters" ]; then ok 'local cluster' "$clusters"
else
  get=$(get_program minikube https://minikube.sigs.k8s.io/docs/start)
  without 'local cluster' "neither minikube nor kind is here: $get; on Linux, as root, make cluster"
fi

if has spin; then ok spin "$(spin --version 2>/dev/null | sed -n 1p)"
else
  without spin 'is not here: https://spinframework.dev/install says how'
  lack spin spin
fi

# --- the cluster

# What cannot be read is as if it were not there, unless the last call was forbidden. Nothing is read from the terminal: kubectl
# would ask there for the name of a user.
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
kube() { kubectl --request-timeout=5s "$@" 2>"$errors" </dev/null || true; }
is_forbidden() { grep -qi forbidden "$errors"; }
invisible() { without "$1" 'not visible to you: your user may not list these in the whole cluster'; } # what
read_path() { kube get "${@:2}" --output "jsonpath=$1"; } # path, what of the cluster
each() { read_path "{range .items[*]}$1{'\n'}{end}" "${@:2}"; } # the same, of a list
ours=(--namespace "$namespace" --selector app.kubernetes.io/name=hello)

context='' unreadable=''
if has kubectl && ! context=$(kubectl config current-context 2>"$errors" </dev/null); then
  unreadable=$(grep -v 'current-context is not set' "$errors" | tail -n 1 || true)
fi
case $context in
  minikube)
    start='minikube start'
    # shellcheck disable=SC2016 # it is to be typed
    images='eval "$(minikube docker-env)"; make images'
    ;;
  kind-*)
    start="kind create cluster --name ${context#kind-}"
    images="make images; kind load docker-image --name ${context#kind-} hello-{native,wasm,spin}:$version"
    ;;
  hello-cluster)
    start='make cluster'
    images='make images; tests/cluster/cluster.sh load hello-native hello-wasm hello-spin'
    ;;
  *)
    # shellcheck disable=SC2016 # it is to be typed
    start='start it, or choose another of `kubectl config get-contexts` by `kubectl config use-context NAME`'
    images='push them to a registry that the nodes reach, and name them by --set image.repository'
    ;;
esac

condition() { echo "{.status.conditions[?(@.type==\"$1\")].$2}"; } # type, status or message -> path
has_metrics() { [ "$(read_path "$(condition Available status)" apiservice v1beta1.metrics.k8s.io)" = True ]; }
get_metrics='kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml'
[ "$context" != minikube ] || get_metrics='minikube addons enable metrics-server'
get_class="kubectl apply -f $spinkube/spin-operator.runtime-class.yaml"
get_executor="kubectl apply --namespace $namespace -f $spinkube/spin-operator.shim-executor.yaml"
class=$(default runtimeClassName) executor=$(default executor) port=$(default nodePort)

cluster() {
  local server wanted name ready schedulable processor runtime handler handlers
  server=$(kubectl --request-timeout=5s version 2>&1 </dev/null || true)
  if [[ $server != *'Server Version: '* ]]; then
    local said
    said=$(grep -i 'error\|executable\|unable\|refused' <<<"$server" | sed -n '1s/^error: //; 1p' || true)
    case $server in
      *'Please enter Username'*)
        bad Kubernetes "context $context has no user with credentials: kubectl config set-context $context --user=NAME; kubectl config view lists the users" ;;
      *executable*'not found'*) bad Kubernetes "context $context needs a program to log in, which is not here ($said): install it" ;;
      *) without Kubernetes "$context does not respond (${said:-${server##*$'\n'}}): $start" ;;
    esac
    lack cluster 'a cluster that answers'
    return
  fi
  server=$(sed -n 's/^Server Version: v//p' <<<"$server")
  wanted=$(sed -n 's/^kubeVersion: ">=\(.*\)-0"/\1/p' chart/Chart.yaml)
  if at_least "$server" "$wanted"; then
    ok Kubernetes "$server, context $context"
  else
    bad Kubernetes "$server is too old for the chart, which takes $wanted and newer: minikube start --kubernetes-version=stable"
    lack cluster "Kubernetes $wanted"
  fi

  local any=''
  while IFS='|' read -r name ready schedulable processor runtime; do
    case $ready:$schedulable in
      True:) ok "node $name" "$processor, $runtime"; any=yes ;;
      True:*) bad "node $name" "takes no pods: kubectl uncordon $name" ;;
      *) bad "node $name" "is not ready: kubectl describe node $name says why" ;;
    esac
  done < <(each "{.metadata.name}|$(condition Ready status)|{.spec.unschedulable}|"\
'{.status.nodeInfo.architecture}|{.status.nodeInfo.containerRuntimeVersion}' nodes)
  if [ -z "$any" ] && is_forbidden; then
    invisible nodes
    are_nodes_visible=''
  else
    [ -n "$any" ] || lack cluster 'a node that is ready'
  fi

  # Nodes list no more than their largest fifty.
  on_nodes=$(read_path '{.items[*].status.images[*].names}' nodes | grep -o "hello-[a-z]*:$version" | sort -u | tr '\n' ' ' || true)
  if [ -n "$on_nodes" ]; then ok images "on nodes: $on_nodes"
  elif is_forbidden; then invisible images
  else without images "none on the nodes, as far as they say: $images"; fi

  handler=$(read_path '{.handler}' runtimeclass "$class")
  if [ -z "$handler" ] && is_forbidden; then
    invisible RuntimeClass
  elif handlers=$(read_path '{.items[*].status.runtimeHandlers[*].name}' nodes); [ -z "$handler" ]; then
    without RuntimeClass "$class is not there, which runtime=spin needs: $get_class, and $shim"
    lack shim "RuntimeClass $class"
  elif [ -n "$handlers" ] && [[ " $handlers " != *" $handler "* ]]; then
    bad RuntimeClass "$class has the handler $handler, which no node has: $shim"
    lack shim 'the Spin shim on a node'
  elif [ -z "$handlers" ]; then
    ok RuntimeClass "$class, handler $handler; its nodes do not say whether they have the shim"
  else
    ok RuntimeClass "$class, handler $handler, which nodes have"
  fi

  local crds
  crds=$(kube get crd --output name)
  if is_forbidden; then
    invisible 'Spin operator'
    invisible Prometheus
    invisible 'Argo CD'
  elif [[ $crds != *spinapps.core.spinkube.dev* ]]; then
    without 'Spin operator' 'is not there; only spin.operator=true needs it: https://www.spinkube.dev/docs/install says how'
  elif [ -z "$(read_path '{.metadata.name}' spinappexecutor "$executor" --namespace "$namespace")" ]; then
    without 'Spin operator' "has no executor in namespace $namespace; only spin.operator=true needs it: $get_executor"
  else
    ok 'Spin operator' "with the executor $executor in namespace $namespace"
  fi

  if [ -n "$crds" ]; then
    if [[ $crds == *servicemonitors.monitoring.coreos.com* ]]; then ok Prometheus 'its operator is there'
    else without Prometheus 'its operator is not there, which serviceMonitor needs; a Prometheus without: make monitoring'; fi
    if [[ $crds == *applications.argoproj.io* ]]; then ok 'Argo CD' 'is there'
    else without 'Argo CD' 'is not there; README.md has the commands'; fi
  fi

  if has_metrics; then ok metrics-server 'answers'
  elif is_forbidden; then invisible metrics-server
  else without metrics-server "is not there, which autoscaling needs: $get_metrics"; fi

  local owner
  owner=$(each '{.metadata.labels.app\.kubernetes\.io/name}|{.metadata.namespace}/{.metadata.name}|{.spec.ports[*].nodePort}|' \
    services --all-namespaces | sed 's/ /|/g' | grep -F "|$port|" | cut -d '|' -f 1,2 || true)
  case $owner in
    '') if is_forbidden; then invisible NodePort; else ok NodePort "$port is free"; fi ;;
    hello\|*) ok NodePort "$port is that of ${owner#*|}" ;;
    *)
      bad NodePort "$port is taken by service ${owner#*|}: --set service.nodePort=0 takes one that is free"
      lack cluster "NodePort $port"
      ;;
  esac
}

# --- who owns a deployment: two cannot

ownership() {
  local name release tracked applied
  while IFS='|' read -r name release tracked applied; do
    if [ -z "$applied" ] || [ -n "$tracked" ]; then continue; fi
    if [ -n "$release" ]; then
      bad "deployment $name" "kubectl apply changed objects of a Helm release, so that helm upgrade reports conflicts: once, helm upgrade with --force-conflicts"
    else
      without "deployment $name" "kubectl apply made these objects, so that helm install refuses to take them: first, kubectl delete -k manifests/native, or the folder that was applied"
    fi
  done < <(each '{.metadata.name}|{.metadata.annotations.meta\.helm\.sh/release-name}|{.metadata.annotations.argocd\.argoproj\.io/tracking-id}|'\
'{.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}' deployments "${ours[@]}")
}

# --- what is wrong with a deployment

# Every way to fail that is known, by what Kubernetes, containerd or the program said of it.
explain() { # what was said, image, node -> what it is, and what mends it
  local processor
  case $1 in
    *'no runtime for'* | *containerd-shim-spin*)
      echo "its node, $3, has no Spin shim, by which RuntimeClass $class runs it: $shim; or --set runtime=wasm, which needs none" ;;
    *RuntimeClass*'not found'*)
      echo "its RuntimeClass is not there: $get_class, and $shim; or --set runtime=wasm, which needs none" ;;
    *'violates PodSecurity'*)
      echo "the namespace admits no such pod: kubectl label namespace $namespace pod-security.kubernetes.io/enforce=baseline --overwrite" ;;
    *'no match for platform'* | *'exec format error'*)
      processor=$(read_path '{.status.nodeInfo.architecture}' node "$3")
      echo "$2 is for another processor than the node's, $processor: build it on such a machine, or where the node runs: $images" ;;
    InvalidImageName*) echo "$2 is no name of an image: correct image.repository and image.tag; both are in small letters, the tag after a colon" ;;
    *runAsNonRoot*) echo "$2 would run as root: --set podSecurityContext.runAsUser=65532, or an image with a user of its own" ;;
    CreateContainerConfigError*)
      echo 'a ConfigMap or Secret that env, extraEnv or envFrom names is not there, or lacks the key: create it, or correct the name' ;;
    ErrImagePull* | ImagePullBackOff* | ErrImageNeverPull*)
      if [[ $2 == */* ]]; then
        echo "$2 cannot be pulled: push it, or correct image.repository, image.tag or image.pullSecrets"
      else
        echo "$2 is not on the node, $3, as it was not built where that runs: $images"
      fi ;;
    *OOMKilled*) echo 'it took more memory than it may: --set resources.limits.memory=512Mi' ;;
    *'exit code 64'*) echo "a setting is wrong: helm get values hello --namespace $namespace, correct it, and helm upgrade" ;;
    *CrashLoopBackOff* | *'probe failed'*)
      echo "its log says why: kubectl logs --namespace $namespace --selector app.kubernetes.io/name=hello --tail=20 --previous" ;;
    *'nodes are available'*) echo 'no node has room for it, or the labels that it asks for: kubectl describe nodes' ;;
    *'is not ready yet'*) echo 'it may be starting; look again in a moment' ;;
  esac
}
fails() { # what, what was said, image, node
  local reason
  reason=$(explain "${@:2}")
  bad "$1" "${reason:-it is not known here what mends this}"
  row '' '' '' "${grey}said: ${2:0:400}$plain"
}

pod_fails() { # name
  local waiting code ended image node said log
  IFS='|' read -r waiting code ended image node said < <(
    read_path '{.status.containerStatuses[*].state.waiting.reason}|'\
'{.status.containerStatuses[*].lastState.terminated.exitCode}|{.status.containerStatuses[*].lastState.terminated.reason}|'\
'{.spec.containers[0].image}|{.spec.nodeName}|'"$(condition PodScheduled message)"\
'{.status.containerStatuses[*].state.waiting.message} {.status.containerStatuses[*].lastState.terminated.message}' \
      pod "$1" --namespace "$namespace" | tr '\n' ' '; echo)
  case $waiting in
    '' | ContainerCreating) said+=$(each '{.message}' events --namespace "$namespace" \
      --field-selector "involvedObject.name=$1,type=Warning" | tail -n 1) ;;
  esac
  if [ -n "$code" ]; then
    log=$(kube logs "$1" --namespace "$namespace" --previous --tail=1)
    # The one before has been cleared away.
    [[ $log != 'unable to retrieve'* ]] || log=$(kube logs "$1" --namespace "$namespace" --tail=1)
    said="$ended, exit code $code: $log $said"
  fi
  said="${waiting:+$waiting: }$said"
  [ -n "${said// /}" ] || said='it runs, and is not ready yet'
  fails "pod $1" "$said" "$image" "$node"
}

deployment() {
  local name ready said apps deployed fine=''
  apps=$(kube get spinapps "${ours[@]}" --output 'jsonpath={.items[*].metadata.name}')
  deployed=$(kube get deployments "${ours[@]}" --output name)
  [ -n "$apps$deployed" ] || { without hello "is not deployed in namespace $namespace"; return; }

  for name in $apps; do
    [ -z "$(read_path '{.metadata.name}' deployment "$name" --namespace "$namespace")" ] || continue
    if [ -z "$(read_path '{.metadata.name}' spinappexecutor "$executor" --namespace "$namespace")" ]; then
      bad "SpinApp $name" "no Deployment is made of it, as namespace $namespace has no SpinAppExecutor $executor: $get_executor"
    else
      bad "SpinApp $name" 'no Deployment is made of it, as the Spin operator does not run: https://www.spinkube.dev/docs/install says how'
    fi
  done

  # All of the namespace, as those that the operator makes have labels of their own.
  while IFS='|' read -r name said; do
    [ -z "$said" ] || fails "deployment $name" "$said" '' ''
  done < <(each "{.metadata.name}|$(condition ReplicaFailure message)" deployments --namespace "$namespace")

  while IFS='|' read -r name ready said; do
    case $ready:$said in
      *:?*) ;; # it is on its way out
      True:) fine+=" $name" ;;
      *) pod_fails "$name" ;;
    esac
  done < <(each "{.metadata.name}|$(condition Ready status)|{.metadata.deletionTimestamp}" \
    pods "${ours[@]}" --field-selector 'status.phase!=Succeeded')
  [ -z "$fine" ] || ok pods "ready:$fine"

  while IFS='|' read -r name ready said; do
    case $ready in
      '' | True) ;;
      *)
        if has_metrics; then bad "autoscaler $name" 'has no metrics yet; they come a minute after a pod is ready'
        else bad "autoscaler $name" "has no metrics, as there is no metrics-server: $get_metrics"; fi
        row '' '' '' "${grey}said: $said$plain"
        ;;
    esac
  done < <(each "{.metadata.name}|$(condition ScalingActive status)|$(condition ScalingActive message)" hpa "${ours[@]}")
}

title 'The cluster of kubectl'
if [ -n "$context" ]; then
  cluster
  case $for_cluster in
    *'that answers'*) ;;
    *)
      title "The deployment in namespace $namespace"
      deployment
      ownership
      ;;
  esac
elif [ -n "$unreadable" ]; then
  bad Kubernetes "kubectl cannot read its configuration: ${unreadable#error: }"
  lack cluster 'a configuration of kubectl'
else
  without Kubernetes 'no kubectl that knows of one: minikube start; on Linux, as root, make cluster'
  lack cluster 'a cluster'
fi

# --- what comes of it

joined() { # lists
  local list all=''
  for list in "$@"; do all+=${list:+${all:+, }$list}; done
  echo "$all"
}
here() { # runtime, mark for what is missing, what is missing
  if [ -z "$3" ]; then ok "$1 here" "works: make run RUNTIME=$1"; else "$2" "$1 here" "missing: $3"; fi
}
there() { # runtime, what is missing
  local missing=$2
  [ -z "$are_nodes_visible" ] || [[ $on_nodes == *hello-$1:* ]] || missing=$(joined "$2" "its image on a node")
  if [ -z "$missing$are_nodes_visible" ]; then
    without "$1 in the cluster" "nothing that you may see is missing: helm upgrade --install hello chart --namespace $namespace --set runtime=$1"
  elif [ -z "$missing" ]; then
    ok "$1 in the cluster" "works: helm upgrade --install hello chart --namespace $namespace --create-namespace --set runtime=$1"
  else
    without "$1 in the cluster" "missing: $missing"
  fi
}

title 'What works'
here native bad "$for_native"
here wasm bad "$(joined "$for_native" "$for_wasm")"
here spin without "$(joined "$for_native" "$for_wasm" "$for_spin")"
there native "$for_cluster"
there wasm "$for_cluster"
there spin "$(joined "$for_cluster" "$for_shim")"
[ -z "$for_native$for_wasm" ]
