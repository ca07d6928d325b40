{{/* Port in a host or a URL; empty if it has none. */}}
{{- define "hello.port" -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" (regexReplaceAll "^https?://|/.*$" (trim .) "")) -}}
{{- end }}

{{/* Egress rules of the pods: the ports in the values, DNS for their host names, and the rules of `networkPolicy.egress`. For a Service,
the port of its pods applies, because a NetworkPolicy checks the final destination of a packet. */}}
{{- define "hello.egress" -}}
{{- $ports := list -}}
{{- $any := false -}}
{{- $urls := .Values.allowedOutboundHosts -}}
{{- with .Values.traces.endpoint }}{{ $urls = append $urls . }}{{ end -}}
{{- range $urls -}}
  {{- $port := include "hello.port" . -}}
  {{- if $port }}{{ $ports = append $ports (int $port) -}}
  {{- else if hasPrefix "https://" (trim .) }}{{ $ports = append $ports 443 -}}
  {{- else if hasPrefix "http://" (trim .) }}{{ $ports = append $ports 80 -}}
  {{- else }}{{ $any = true }}{{ end -}}
{{- end -}}
{{- $rules := list -}}
{{- if $urls -}}
  {{- $dns := list (dict "protocol" "UDP" "port" 53) (dict "protocol" "TCP" "port" 53) -}}
  {{- if .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
    {{- $dns = concat $dns (list (dict "protocol" "UDP" "port" 5353) (dict "protocol" "TCP" "port" 5353)) -}}
  {{- end -}}
  {{- $reached := list (dict "protocol" "TCP" "port" 1 "endPort" 65535) -}}
  {{- if not $any -}}
    {{- $reached = list -}}
    {{- range uniq $ports }}{{ $reached = append $reached (dict "protocol" "TCP" "port" .) }}{{ end -}}
  {{- end -}}
  {{- $rules = list (dict "ports" $dns) (dict "ports" $reached) -}}
{{- end -}}
{{- with concat $rules .Values.networkPolicy.egress }}{{ toYaml . }}{{ end -}}
{{- end }}
