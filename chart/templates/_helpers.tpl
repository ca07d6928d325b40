{{/* The release's name, with the chart's in it. Short enough for the longest suffix that a template adds. */}}
{{- define "hello.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains .Chart.Name $name) }}{{ $name = printf "%s-%s" $name .Chart.Name }}{{ end -}}
{{- $name | trunc 57 | trimSuffix "-" -}}
{{- end }}

{{/* The operator names a Deployment and a Service after the SpinApp, so ours must be named otherwise. It also makes a label key of
the name, which leaves 52 characters for it. */}}
{{- define "hello.workload" -}}
{{- $name := include "hello.fullname" . -}}
{{- if .Values.spin.operator }}{{ $name | trunc 47 | trimSuffix "-" }}-spin{{ else }}{{ $name }}{{ end -}}
{{- end }}

{{- define "hello.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "hello.fullname" . }}{{ else }}default{{ end -}}
{{- end }}

{{/* The same for all runtimes: a change of runtime is a rolling update of one Deployment behind one Service. */}}
{{- define "hello.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hello.podLabels" -}}
{{ include "hello.selectorLabels" . }}
runtime: {{ .Values.runtime }}
{{- end }}

{{- define "hello.labels" -}}
{{ include "hello.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "hello.metadata" -}}
name: {{ include "hello.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "hello.labels" . | nindent 2 }}
{{- end }}

{{- define "hello.image" -}}
{{- $image := .Values.image -}}
{{- $repository := tpl ($image.repository | default "hello-{{ .Values.runtime }}") . -}}
{{- if $image.digest }}{{ $repository }}@{{ $image.digest }}{{ else }}{{ $repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* The name that the container's HTTP port has; the operator's is fixed. */}}
{{- define "hello.httpPort" -}}
{{- if .Values.spin.operator }}http-app{{ else }}http{{ end -}}
{{- end }}

{{/* Kubernetes reads $(NAME) and $$ in the value of a variable; the text is to arrive as it is. */}}
{{- define "hello.literal" -}}
{{ . | replace "$" "$$" | quote }}
{{- end }}
