{{/* Pod that sends a request through the Service, and checks which runtime responds. */}}
{{- define "hello.testPod" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "hello.pullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- /* The image's own user is root. OpenShift assigns a user, and rejects others. */}}
{{- $user := ternary dict (dict "runAsUser" 65532 "runAsGroup" 65532) (.Capabilities.APIVersions.Has "security.openshift.io/v1") }}
{{- with mergeOverwrite $user (deepCopy (.Values.podSecurityContext | default dict)) }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: test
    image: {{ .Values.test.image | quote }}
    command: [sh, -c]
    args:
      - |
        response=$(timeout 10 wget -q -O- http://{{ include "hello.fullname" . }}:{{ .Values.service.port }}/) || exit 1
        echo "$response"
        echo "$response" | grep -q '"runtime":"{{ get (dict "native" "native" "wasm" "wasi-0.3" "spin" "wasi-0.2") .Values.runtime }}"'
    {{- with .Values.securityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.test.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}

{{/* Labels of test pods. With the labels of the service's pods, they would receive requests. */}}
{{- define "hello.testLabels" -}}
{{- include "hello.testSelector" . | fromYaml | mergeOverwrite dict .Values.commonLabels | toYaml -}}
{{- end }}

{{- define "hello.testSelector" -}}
{{- $name := include "hello.trimmed" (dict "text" (include "hello.name" .) "length" 58) -}}
app.kubernetes.io/name: {{ printf "%s-test" $name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}
