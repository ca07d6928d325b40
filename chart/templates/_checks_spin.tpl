{{/* Checks for values that Spin does not support, with or without the operator. */}}
{{- define "hello.checks.spin" -}}
{{- $v := .Values -}}
{{- if eq $v.runtime "spin" -}}
  {{- range $name, $is := dict "serviceMonitor.enabled" $v.serviceMonitor.enabled "podMonitor.enabled" $v.podMonitor.enabled
    "scrapeAnnotations" $v.scrapeAnnotations "prometheusRule.enabled" $v.prometheusRule.enabled -}}
    {{- if $is -}}
      {{- printf "%s needs metrics to scrape, and runtime spin has none, as Spin only pushes OTLP; set %s to false, or use runtime native or wasm.\n" $name $name -}}
    {{- end -}}
  {{- end -}}
  {{- if ne (float64 $v.accessLog) 0.0 -}}
    {{- print "accessLog is set, and Spin logs no requests; leave it out, or use runtime native or wasm.\n" -}}
  {{- end -}}
  {{- $reasons := dict
    "autoscaling.targetRequestsInFlight" (list 0 "Spin does not count requests in flight")
    "maxConnectionAgeSeconds" (list 10 "Spin keeps connections however old they are")
    "idleTimeoutSeconds" (list 75 "Spin has no such setting")
  -}}
  {{- range $name, $reason := $reasons -}}
    {{- $value := include "hello.value" (dict "values" $v "name" $name) -}}
    {{- if ne $value (toJson (first $reason)) -}}
      {{- printf "%s is set, and %s; leave it out, or use runtime native or wasm.\n" $name (last $reason) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* Value with a name such as "drain.delaySeconds", as JSON. */}}
{{- define "hello.value" -}}
{{- $value := .values -}}
{{- range splitList "." .name }}{{ $value = index $value . }}{{ end -}}
{{- $value | toJson -}}
{{- end }}

{{/* Values without a field in a SpinApp, with their defaults: a template cannot distinguish a default from the same value set by hand. */}}
{{- define "hello.withoutSpinApp" -}}
image.pullPolicy: IfNotPresent
drain.delaySeconds: 5
drain.timeoutSeconds: 20
terminationGracePeriodSeconds: 0
strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
minReadySeconds: 0
revisionHistoryLimit: 10
progressDeadlineSeconds: 600
serviceAccount.automount: false
podSecurityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
extraEnv: []
envFrom: []
initContainers: []
extraContainers: []
nodeSelector: {}
tolerations: []
affinity: {}
priorityClassName: ""
topologySpread.enabled: false
topologySpreadConstraints: []
spin.runtimeClassName: wasmtime-spin-v2
traces.share: 1
{{- end }}

{{- define "hello.checks.operator" -}}
{{- $v := .Values -}}
{{- if $v.spin.operator -}}
  {{- if $v.traces.endpoint -}}
    {{- print "traces.endpoint is set, and a SpinApp cannot express it; leave it out, and name the collector in the SpinAppExecutor's deploymentConfig.otel, or set spin.operator to false.\n" -}}
  {{- end -}}
  {{- if ne $v.runtime "spin" -}}
    {{- printf "spin.operator is true, but runtime is %s; set runtime to spin, or spin.operator to false.\n" $v.runtime -}}
  {{- end -}}
  {{- if and (not $v.autoscaling.enabled) (eq (int $v.replicaCount) 0) -}}
    {{- print "replicaCount is 0, and the Spin operator needs at least 1; set replicaCount to 1 or more.\n" -}}
  {{- end -}}
  {{- if hasKey ($v.resources | default dict) "claims" -}}
    {{- print "resources.claims is set, and a SpinApp cannot express it; leave it out, or set spin.operator to false, which runs Spin from a Deployment.\n" -}}
  {{- end -}}
  {{- if not (or $v.serviceAccount.create $v.serviceAccount.name) -}}
    {{- print "serviceAccount.create is false, and a SpinApp cannot keep the default account's token from its pods; set it to true, or name an account in serviceAccount.name.\n" -}}
  {{- end -}}
  {{- range $name, $default := include "hello.withoutSpinApp" . | fromYaml -}}
    {{- if not (has (include "hello.value" (dict "values" $v "name" $name)) (list (toJson $default) "null")) -}}
      {{- printf "%s is set, and a SpinApp cannot express it; leave it out, or set spin.operator to false, which runs Spin from a Deployment.\n" $name -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
