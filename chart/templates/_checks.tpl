{{/* What values.schema.json cannot say, or not so that it helps. All complaints at once. */}}
{{- define "hello.checks" -}}
{{- $v := .Values -}}
{{- $spin := eq $v.runtime "spin" -}}
{{- $errors := list -}}

{{- if not (regexMatch "^([A-Za-z]*|#([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$" ($v.color | default "")) -}}
  {{- $errors = append $errors (printf "color is %q, which the page would not take; use a CSS colour name such as teal, or #rrggbb." $v.color) -}}
{{- end -}}

{{- if and $v.service.nodePort (ne $v.service.type "NodePort") (ne (int $v.service.nodePort) 30007) -}}
  {{- $errors = append $errors (printf "service.nodePort is %d, but service.type is %s; set service.type to NodePort, or leave service.nodePort out." (int $v.service.nodePort) $v.service.type) -}}
{{- end -}}

{{- if $v.autoscaling.enabled -}}
  {{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
    {{- $errors = append $errors (printf "autoscaling.minReplicas is %d, more than autoscaling.maxReplicas, which is %d; raise the one or lower the other." (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
  {{- end -}}
  {{- $resources := $v.resources | default dict -}}
  {{- if not (or (dig "requests" "cpu" "" $resources) (dig "limits" "cpu" "" $resources)) -}}
    {{- $errors = append $errors "autoscaling.enabled needs a CPU request to measure against; set resources.requests.cpu." -}}
  {{- end -}}
{{- end -}}

{{- if and $spin $v.autoscaling.targetRequestsInFlight -}}
  {{- $errors = append $errors "autoscaling.targetRequestsInFlight is set, and Spin does not count requests in flight; set it to 0, or use runtime native or wasm." -}}
{{- end -}}

{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
  {{- $errors = append $errors "httpRoute.enabled needs a gateway to attach to; name it in httpRoute.parentRefs." -}}
{{- end -}}

{{- $scrapes := list -}}
{{- if $v.serviceMonitor.enabled }}{{ $scrapes = append $scrapes "serviceMonitor.enabled" }}{{ end -}}
{{- if $v.podMonitor.enabled }}{{ $scrapes = append $scrapes "podMonitor.enabled" }}{{ end -}}
{{- if $v.scrapeAnnotations }}{{ $scrapes = append $scrapes "scrapeAnnotations" }}{{ end -}}
{{- if $spin -}}
  {{- range $name := concat $scrapes (ternary (list "prometheusRule.enabled") list $v.prometheusRule.enabled) -}}
    {{- $errors = append $errors (printf "%s needs metrics to scrape, and runtime spin has none, as Spin only pushes OTLP; set %s to false, or use runtime native or wasm." $name $name) -}}
  {{- end -}}
{{- else if and $v.serviceMonitor.enabled $v.podMonitor.enabled -}}
  {{- $errors = append $errors "serviceMonitor.enabled and podMonitor.enabled would have every pod scraped twice; set one of them to false." -}}
{{- end -}}

{{- if and $spin (ne (toString $v.accessLog) "0") -}}
  {{- $errors = append $errors "accessLog is set, and Spin logs no requests; leave it out, or use runtime native or wasm." -}}
{{- end -}}

{{- /* A template cannot tell a default from the same value set by hand, here and below. */ -}}
{{- if and $spin (ne (int $v.maxConnectionAgeSeconds) 10) -}}
  {{- $errors = append $errors "maxConnectionAgeSeconds is set, and Spin keeps connections however old they are; leave it out, or use runtime native or wasm." -}}
{{- end -}}
{{- if and $spin (ne (int $v.idleTimeoutSeconds) 75) -}}
  {{- $errors = append $errors "idleTimeoutSeconds is set, and Spin has no such setting; leave it out, or use runtime native or wasm." -}}
{{- end -}}

{{- if $v.spin.operator -}}
  {{- if $v.traces.endpoint -}}
    {{- $errors = append $errors "traces.endpoint is set, and a SpinApp cannot express it; leave it out, and name the collector in the SpinAppExecutor's deploymentConfig.otel, or set spin.operator to false." -}}
  {{- end -}}
  {{- if not $spin -}}
    {{- $errors = append $errors (printf "spin.operator is true, but runtime is %s; set runtime to spin, or spin.operator to false." $v.runtime) -}}
  {{- end -}}
  {{- if and (not $v.autoscaling.enabled) (eq (int $v.replicaCount) 0) -}}
    {{- $errors = append $errors "replicaCount is 0, and the Spin operator takes no less than 1; set replicaCount to 1 or more." -}}
  {{- end -}}
  {{- $set := list -}}
  {{- range $name := list "nodeSelector" "tolerations" "affinity" "extraEnv" -}}
    {{- if index $v $name }}{{ $set = append $set $name }}{{ end -}}
  {{- end -}}
  {{- if $v.topologySpread.enabled }}{{ $set = append $set "topologySpread.enabled" }}{{ end -}}
  {{- range $default := list (list "image" "pullPolicy" "IfNotPresent") (list "drain" "delaySeconds" 5) (list "drain" "timeoutSeconds" 20) (list "spin" "runtimeClassName" "wasmtime-spin-v2") -}}
    {{- $group := index $default 0 -}}
    {{- $key := index $default 1 -}}
    {{- if ne (toString (index $v $group $key)) (toString (index $default 2)) }}{{ $set = append $set (printf "%s.%s" $group $key) }}{{ end -}}
  {{- end -}}
  {{- range $name := $set -}}
    {{- $errors = append $errors (printf "%s is set, and a SpinApp cannot express it; leave it out, or set spin.operator to false, which runs Spin from a Deployment." $name) -}}
  {{- end -}}
{{- end -}}

{{- if $errors }}{{ fail (printf "\n\n%s\n" (join "\n" $errors)) }}{{ end -}}
{{- end }}
