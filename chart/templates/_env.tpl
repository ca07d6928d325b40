{{/* The container's variables: the chart's own, `env`, `extraEnv`. The last of those with the same name wins. It has the position of the
first, because other variables may refer to it. */}}
{{- define "hello.env" -}}
{{- $v := .Values -}}
{{- $own := list -}}
{{- $handler := $v.env -}}
{{- if eq $v.runtime "spin" -}}
  {{- $own = append $own (dict "name" "SPIN_HTTP_LISTEN_ADDR" "value" "[::]:8080") -}}
  {{- $handler = list -}}
  {{- range $v.env -}}
    {{- $handler = append $handler (merge (dict "name" (printf "SPIN_VARIABLE_%s" (upper .name))) .) -}}
  {{- end -}}
{{- else -}}
  {{- $own = concat $own (list
    (dict "name" "HELLO_LISTEN" "value" "[::]:8080")
    (dict "name" "HELLO_ADMIN_LISTEN" "value" "[::]:9090")
    (dict "name" "HELLO_DRAIN_DELAY" "value" (printf "%vs" $v.drain.delaySeconds))
    (dict "name" "HELLO_DRAIN_TIMEOUT" "value" (printf "%vs" $v.drain.timeoutSeconds))
    (dict "name" "HELLO_MAX_CONNECTION_AGE" "value" (printf "%vs" $v.maxConnectionAgeSeconds))
    (dict "name" "HELLO_IDLE_TIMEOUT" "value" (printf "%vs" $v.idleTimeoutSeconds))
  ) -}}
  {{- if ne (float64 $v.accessLog) 0.0 -}}
    {{- $own = append $own (dict "name" "HELLO_ACCESS_LOG" "value" (toString $v.accessLog)) -}}
  {{- end -}}
  {{- if $v.allowedOutboundHosts -}}
    {{- $own = append $own (dict "name" "HELLO_ALLOWED_OUTBOUND_HOSTS" "value" (join "," $v.allowedOutboundHosts)) -}}
  {{- end -}}
  {{- if $v.env -}}
    {{- $names := list -}}
    {{- range $v.env }}{{ $names = append $names .name }}{{ end -}}
    {{- $own = append $own (dict "name" "HELLO_PASS_ENV" "value" (join "," $names)) -}}
  {{- end -}}
{{- end -}}
{{- if $v.traces.endpoint -}}
  {{- $own = concat $own (list
    (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" $v.traces.endpoint)
    (dict "name" "OTEL_SERVICE_NAME" "value" (include "hello.fullname" .))
    (dict "name" "POD" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name")))
    (dict "name" "OTEL_RESOURCE_ATTRIBUTES" "value" (printf "k8s.namespace.name=%s,k8s.pod.name=$(POD)" (include "hello.namespace" .)))
    (dict "name" "OTEL_TRACES_SAMPLER" "value" "parentbased_traceidratio")
    (dict "name" "OTEL_TRACES_SAMPLER_ARG" "value" (toString $v.traces.share))
  ) -}}
{{- end -}}
{{- $prefix := ternary "SPIN_VARIABLE_" "HELLO_" (eq $v.runtime "spin") -}}
{{- range $name, $text := pick $v "message" "color" -}}
  {{- if $text -}}
    {{- $own = append $own (dict "name" (printf "%s%s" $prefix (upper $name)) "value" (include "hello.literal" $text)) -}}
  {{- end -}}
{{- end -}}
{{- $all := concat $own $handler $v.extraEnv -}}
{{- $names := list -}}
{{- range $all }}{{ $names = append $names .name }}{{ end -}}
{{- $env := list -}}
{{- range $name := uniq $names -}}
  {{- $last := dict -}}
  {{- range $all }}{{ if eq .name $name }}{{ $last = . }}{{ end }}{{ end -}}
  {{- $env = append $env $last -}}
{{- end -}}
{{- toYaml $env -}}
{{- end }}
