#!/usr/bin/env bash
# Starts a Prometheus with the chart's alerts in the cluster of kubectl's context, and prints links to the panels of the dashboard.
# It scrapes hello if that is deployed with `--set scrapeAnnotations=true`.
#
# usage: scripts/monitoring.sh up [RELEASE [NAMESPACE]]    of hello; hello and hello by default
#        scripts/monitoring.sh down                        remove Prometheus and its rights
set -euo pipefail
cd "$(dirname "$0")/.."

for program in helm kubectl; do
  command -v $program >/dev/null || { echo "monitoring needs the program $program, which is not on PATH" >&2; exit 1; }
done
release=${2:-hello} namespace=${3:-hello}

encoded() { # text, for a URL
  local i char
  for ((i = 0; i < ${#1}; i++)); do
    char=${1:i:1}
    case $char in
      [a-zA-Z0-9._-]) printf %s "$char" ;;
      *) printf %%%02X "'$char" ;;
    esac
  done
}

# The rules as Prometheus reads them: the lines below `spec:`, not indented.
rules() {
  helm template "$release" chart --namespace "$namespace" --set prometheusRule.enabled=true --show-only templates/prometheusrule.yaml |
    sed '1,/^spec:/d; s/^  //'
}

# Prints a line per query of the dashboard: panel, tab, query.
panels() {
  awk -F '"' '
    /"title": / { panel = $4 }
    /"expr": / { sub(/^ *"expr": "/, ""); sub(/",?$/, ""); gsub(/\\"/, "\""); print panel "\t" $0 }
  ' chart/dashboards/hello.json |
    sed "s/\\\$namespace/$namespace/g; s/\\\$job/$release/g; s/\\\$__rate_interval/1m/g; s/=\"\\\$runtime\"/=~\".+\"/g; s/\\\$runtime/.+/g"
}

up() {
  kubectl create namespace monitoring --dry-run=client --output yaml | kubectl apply --filename - >/dev/null
  kubectl create configmap rules --namespace monitoring --from-file hello.yaml=<(rules) --dry-run=client --output yaml |
    kubectl apply --filename - >/dev/null
  kubectl apply --filename docs/telemetry/prometheus.yaml >/dev/null
  # It reads its configuration at the start only.
  kubectl rollout restart --namespace monitoring deployment/prometheus >/dev/null
  echo "waiting for Prometheus"
  kubectl rollout status --namespace monitoring deployment/prometheus --timeout 180s >/dev/null

  local node url panel query link
  node=$(kubectl get nodes --output 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
  url=http://$node:30090
  echo "Prometheus is at $url, its alerts are at $url/alerts."
  echo "It scrapes pods with the annotation; hello's have it with: helm upgrade --install $release chart --namespace $namespace --create-namespace --set scrapeAnnotations=true"
  echo "The panels of the dashboard, as graphs there:"
  while IFS=$'\t' read -r panel query; do
    link="$url/graph?g0.tab=0&g0.range_input=15m&g0.expr=$(encoded "$query")"
    if [ -t 1 ]; then
      printf '  \e]8;;%s\e\\%s\e]8;;\e\\\n' "$link" "$panel"
    else
      printf '  %s: %s\n' "$panel" "$link"
    fi
  done < <(panels)
  echo "To remove it: make monitoring-down"
}

down() {
  # Deletes the API first: no namespace can be deleted while an API is registered and does not respond.
  if kubectl get deployment/prometheus-adapter --namespace monitoring >/dev/null 2>&1; then
    kubectl delete --ignore-not-found --filename docs/telemetry/prometheus-adapter.yaml
  fi
  kubectl delete namespace monitoring --ignore-not-found
  kubectl delete clusterrole,clusterrolebinding hello-monitoring --ignore-not-found
}

case ${1:-} in
  up | down) "$1" ;;
  *) sed -n 's/^# \?//; 2,6p' "$0" >&2; exit 64 ;;
esac
