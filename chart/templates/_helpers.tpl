{{- define "hello.name" -}}
{{- include "hello.trimmed" (dict "text" (.Values.nameOverride | default .Chart.Name) "length" 63) -}}
{{- end }}

{{/* Full name: the names of the release and the chart. A name that is too long with the longest suffix is shortened, and ends with a
digest of the full name. */}}
{{- define "hello.fullname" -}}
{{- $name := .Release.Name -}}
{{- if .Values.fullnameOverride }}{{ $name = .Values.fullnameOverride -}}
{{- else if not (contains (include "hello.name" .) $name) }}{{ $name = printf "%s-%s" $name (include "hello.name" .) }}{{ end -}}
{{- if gt (len $name) 53 }}{{ $name = printf "%s-%s" (trunc 46 $name) (sha256sum $name | trunc 6) }}{{ end -}}
{{- $name -}}
{{- end }}

{{/* The first "length" characters of "text", without characters that may not end a label or a name. */}}
{{- define "hello.trimmed" -}}
{{- regexReplaceAll "[-._]+$" (trunc (int .length) .text) "" -}}
{{- end }}

{{/* Name of the workload. The operator creates a Deployment and a Service with the SpinApp's name, so ours need another name. It also makes
a label key of the name, which leaves 52 characters for it. */}}
{{- define "hello.workload" -}}
{{- $name := include "hello.fullname" . -}}
{{- if .Values.spin.operator }}{{ include "hello.trimmed" (dict "text" $name "length" 47) }}-spin{{ else }}{{ $name }}{{ end -}}
{{- end }}

{{- define "hello.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "hello.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end }}

{{- define "hello.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end }}

{{/* Selector labels. They are the same for all runtimes: a change of runtime is a rolling update of one Deployment behind one Service. */}}
{{- define "hello.selectorLabels" -}}
app.kubernetes.io/name: {{ include "hello.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of pods. The chart's labels win, because the Service and others select by them. */}}
{{- define "hello.podLabels" -}}
{{- $own := include "hello.selectorLabels" . | fromYaml | merge (dict "runtime" .Values.runtime) -}}
{{- mergeOverwrite dict .Values.commonLabels .Values.podLabels $own | toYaml -}}
{{- end }}

{{- define "hello.labels" -}}
{{- $own := include "hello.selectorLabels" . | fromYaml | merge (dict
  "app.kubernetes.io/version" (include "hello.trimmed" (dict "text" (.Chart.AppVersion | replace "+" "_") "length" 63))
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (include "hello.trimmed" (dict "text" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") "length" 63))
) -}}
{{- toYaml $own -}}
{{- end }}

{{/* Metadata of an object. "root" is the context; "name", "namespace", "labels" and "annotations" replace or complete the usual ones. */}}
{{- define "hello.metadata" -}}
name: {{ .name | default (include "hello.fullname" .root) | quote }}
namespace: {{ .namespace | default (include "hello.namespace" .root) | quote }}
labels:
  {{- mergeOverwrite dict .root.Values.commonLabels (.labels | default dict) (include "hello.labels" .root | fromYaml) | toYaml | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "hello.image" -}}
{{- $image := .Values.image -}}
{{- $repository := tpl ($image.repository | default "hello-{{ .Values.runtime }}") . -}}
{{- if $image.digest }}{{ $repository }}@{{ $image.digest }}{{ else }}{{ $repository }}:{{ $image.tag | default (.Chart.AppVersion | replace "+" "_") }}{{ end -}}
{{- end }}

{{- define "hello.pullSecrets" -}}
{{- with concat .Values.image.pullSecrets .Values.imagePullSecrets | uniq }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* The items of "list", each with missing values from "defaults". An empty value and 0 count as set. */}}
{{- define "hello.withDefaults" -}}
{{- $defaults := .defaults -}}
{{- $items := list -}}
{{- range .list }}{{ $items = append $items (mergeOverwrite (deepCopy $defaults) .) }}{{ end -}}
{{- toYaml $items -}}
{{- end }}

{{/* Name of the container's HTTP port; that of the operator is fixed. */}}
{{- define "hello.httpPort" -}}
{{- if .Values.spin.operator }}http-app{{ else }}http{{ end -}}
{{- end }}

{{/* A text as the literal value of a variable: Kubernetes would replace $(NAME) and $$. */}}
{{- define "hello.literal" -}}
{{ . | replace "$" "$$" }}
{{- end }}

{{/* Topology spread constraints. Without a selector, a constraint counts the pods of this release. */}}
{{- define "hello.topologySpread" -}}
{{- $selector := dict "matchLabels" (include "hello.selectorLabels" . | fromYaml) -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if and .Values.topologySpread.enabled (not $constraints) -}}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" -}}
    {{- $constraints = append $constraints (dict
      "topologyKey" . "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash")) -}}
  {{- end -}}
{{- end -}}
{{- $selecting := list -}}
{{- range $constraints -}}
  {{- $selecting = append $selecting (ternary . (merge (dict "labelSelector" $selector) .) (hasKey . "labelSelector")) -}}
{{- end -}}
{{- with $selecting }}{{ toYaml . }}{{ end -}}
{{- end }}
