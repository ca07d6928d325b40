{{/* A rule with all defaults that the API server would add: what is in Git is to be what is in the cluster. */}}
{{- define "hello.routeRule" -}}
{{- $rule := deepCopy .rule -}}
{{- $matches := list -}}
{{- range $rule.matches | default (list dict) -}}
  {{- $match := deepCopy . -}}
  {{- $_ := set $match "path" (mergeOverwrite (dict "type" "PathPrefix" "value" "/") (.path | default dict)) -}}
  {{- range $fields := list "headers" "queryParams" -}}
    {{- with index $match $fields -}}
      {{- $_ := set $match $fields (include "hello.withDefaults" (dict "list" . "defaults" (dict "type" "Exact")) | fromYamlArray) -}}
    {{- end -}}
  {{- end -}}
  {{- $matches = append $matches $match -}}
{{- end -}}
{{- $_ := set $rule "matches" $matches -}}
{{- $redirects := false -}}
{{- range $rule.filters -}}
  {{- with .requestRedirect }}{{ $redirects = true }}{{ $_ := set . "statusCode" (.statusCode | default 302) }}{{ end -}}
  {{- with .requestMirror -}}
    {{- $_ := set . "backendRef" (mergeOverwrite (dict "group" "" "kind" "Service") .backendRef) -}}
  {{- end -}}
{{- end -}}
{{- $service := dict "group" "" "kind" "Service" "weight" 1 -}}
{{- if hasKey $rule "backendRefs" -}}
  {{- $_ := set $rule "backendRefs" (include "hello.withDefaults" (dict "list" $rule.backendRefs "defaults" $service) | fromYamlArray) -}}
{{- else if not $redirects -}}
  {{- $own := dict "name" (include "hello.fullname" .root) "port" .root.Values.service.port -}}
  {{- $_ := set $rule "backendRefs" (list (mergeOverwrite $service $own)) -}}
{{- end -}}
{{- toYaml $rule -}}
{{- end }}
