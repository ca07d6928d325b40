{{/* What values.schema.json cannot say, or not so that it helps. All complaints at once, a line each. */}}
{{- define "hello.checks" -}}
{{- $nulls := include "hello.checks.nulls" . -}}
{{- if $nulls }}{{ fail (printf "\n\n%s" $nulls) }}{{ end -}}
{{- $errors := print (include "hello.checks.names" .) (include "hello.checks.env" .) (include "hello.checks.service" .)
  (include "hello.checks.pods" .) (include "hello.checks.metrics" .) (include "hello.checks.spin" .) (include "hello.checks.operator" .) -}}
{{- if $errors }}{{ fail (printf "\n\n%s" $errors) }}{{ end -}}
{{- end }}

{{/* Helm takes a value away that is set to null. Without resources, contexts and affinity there can be pods. */}}
{{- define "hello.checks.nulls" -}}
{{- $values := .Values -}}
{{- range $name := list
    "runtime" "message" "color" "env" "allowedOutboundHosts" "replicaCount" "image" "imagePullSecrets" "nameOverride"
    "fullnameOverride" "namespaceOverride" "commonLabels" "service" "drain" "terminationGracePeriodSeconds"
    "maxConnectionAgeSeconds" "idleTimeoutSeconds" "strategy" "minReadySeconds" "revisionHistoryLimit"
    "progressDeadlineSeconds" "autoscaling" "ingress" "httpRoute" "serviceAccount" "podAnnotations" "podLabels"
    "extraEnv" "envFrom" "volumes" "volumeMounts" "initContainers" "extraContainers" "nodeSelector" "tolerations"
    "priorityClassName" "topologySpread" "topologySpreadConstraints" "podDisruptionBudget" "networkPolicy"
    "serviceMonitor" "podMonitor" "scrapeAnnotations" "prometheusRule" "accessLog" "traces" "dashboard" "spin" "test"
  -}}
  {{- if not (hasKey $values $name) }}{{ printf "%s is null; leave it out, or give it a value.\n" $name }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.names" -}}
{{- $name := include "hello.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
  {{- printf "the release %q gets the name %q, which no Service can have; let it begin with a letter and consist of small letters, digits and hyphens, or set fullnameOverride.\n" .Release.Name $name -}}
{{- end -}}
{{- if not (regexMatch "^([A-Za-z]*|#([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$" (.Values.color | default "")) -}}
  {{- printf "color is %q, which the page would not take; use a CSS colour name such as teal, or #rrggbb.\n" .Values.color -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.env" -}}
{{- $v := .Values -}}
{{- range $list := list "env" "extraEnv" -}}
  {{- $names := list -}}
  {{- range index $v $list }}{{ $names = append $names (ternary (upper .name) .name (eq $v.runtime "spin")) }}{{ end -}}
  {{- if ne (len $names) (len (uniq $names)) -}}
    {{- printf "%s has a name twice, and only one of them would count; leave the other out.\n" $list -}}
  {{- end -}}
{{- end -}}
{{- range $v.extraEnv -}}
  {{- if and $v.env (eq .name "HELLO_PASS_ENV") -}}
    {{- print "extraEnv sets HELLO_PASS_ENV, and so does env; move the variables that the component is to see from extraEnv to env.\n" -}}
  {{- end -}}
  {{- if and $v.allowedOutboundHosts (eq .name "HELLO_ALLOWED_OUTBOUND_HOSTS") -}}
    {{- print "extraEnv sets HELLO_ALLOWED_OUTBOUND_HOSTS, and so does allowedOutboundHosts; move the hosts from extraEnv to allowedOutboundHosts.\n" -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.service" -}}
{{- $service := .Values.service -}}
{{- if and $service.nodePort (ne $service.type "NodePort") (ne (int $service.nodePort) 30007) -}}
  {{- printf "service.nodePort is %d, but service.type is %s; set service.type to NodePort, or leave service.nodePort out.\n" (int $service.nodePort) $service.type -}}
{{- end -}}
{{- if and $service.externalTrafficPolicy (eq $service.type "ClusterIP") -}}
  {{- print "service.externalTrafficPolicy is set, but service.type is ClusterIP, which has no traffic from outside; set service.type to NodePort or LoadBalancer.\n" -}}
{{- end -}}
{{- range $key := list "loadBalancerClass" "loadBalancerSourceRanges" -}}
  {{- if and (index $service $key) (ne $service.type "LoadBalancer") -}}
    {{- printf "service.%s is set, but service.type is %s; set service.type to LoadBalancer, or leave it out.\n" $key $service.type -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
  {{- print "httpRoute.enabled needs a gateway to attach to; name it in httpRoute.parentRefs.\n" -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.pods" -}}
{{- $v := .Values -}}
{{- $drain := add $v.drain.delaySeconds $v.drain.timeoutSeconds -}}
{{- if and $v.terminationGracePeriodSeconds (lt (int $v.terminationGracePeriodSeconds) (int $drain)) -}}
  {{- printf "terminationGracePeriodSeconds is %d, less than drain.delaySeconds and drain.timeoutSeconds together, which are %d; set it to 0 or higher than these, or lower these.\n" (int $v.terminationGracePeriodSeconds) $drain -}}
{{- end -}}
{{- if and $v.topologySpread.enabled $v.topologySpreadConstraints -}}
  {{- print "topologySpread.enabled and topologySpreadConstraints are both set; leave one of them out.\n" -}}
{{- end -}}
{{- if and $v.minReadySeconds (ge (int $v.minReadySeconds) (int $v.progressDeadlineSeconds)) -}}
  {{- printf "minReadySeconds is %d, not less than progressDeadlineSeconds, which is %d, so that each roll-out would fail; raise the one or lower the other.\n" (int $v.minReadySeconds) (int $v.progressDeadlineSeconds) -}}
{{- end -}}
{{- $scaling := $v.autoscaling -}}
{{- if $scaling.enabled -}}
  {{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
    {{- printf "autoscaling.minReplicas is %d, more than autoscaling.maxReplicas, which is %d; raise the one or lower the other.\n" (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
  {{- end -}}
  {{- if not (or $scaling.targetCPUUtilizationPercentage $scaling.targetMemoryUtilizationPercentage $scaling.targetRequestsInFlight) -}}
    {{- print "autoscaling.enabled has nothing to scale by; set autoscaling.targetCPUUtilizationPercentage.\n" -}}
  {{- end -}}
  {{- $resources := $v.resources | default dict -}}
  {{- range $resource, $target := dict "cpu" "targetCPUUtilizationPercentage" "memory" "targetMemoryUtilizationPercentage" -}}
    {{- if and (index $scaling $target) (not (or (dig "requests" $resource "" $resources) (dig "limits" $resource "" $resources))) -}}
      {{- printf "autoscaling.%s is per cent of a request; set resources.requests.%s.\n" $target $resource -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.metrics" -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
  {{- print "serviceMonitor.enabled and podMonitor.enabled would have every pod scraped twice; set one of them to false.\n" -}}
{{- end -}}
{{- end }}
