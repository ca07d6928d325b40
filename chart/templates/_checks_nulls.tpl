{{/* Helm removes a value that is set to null. This rejects null for values that templates need. */}}
{{- define "hello.checks.nulls" -}}
{{- $values := .Values -}}
{{- range $name := splitList " " (include "hello.neverNull" . | replace "\n" " ") -}}
  {{- $parent := $values -}}
  {{- range splitList "." $name | initial }}{{ if kindIs "map" $parent }}{{ $parent = get $parent . }}{{ end }}{{ end -}}
  {{- if and (kindIs "map" $parent) (not (hasKey $parent (splitList "." $name | last))) -}}
    {{- printf "%s is null; leave it out, or give it a value. After helm upgrade --reuse-values: use --reset-then-reuse-values.\n" $name -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{- define "hello.neverNull" -}}
runtime message color env allowedOutboundHosts replicaCount image image.repository image.tag image.digest image.pullPolicy
image.pullSecrets imagePullSecrets nameOverride fullnameOverride namespaceOverride commonLabels service service.type
service.port service.annotations service.labels service.externalTrafficPolicy service.loadBalancerClass
service.loadBalancerSourceRanges service.ipFamilyPolicy service.ipFamilies drain drain.delaySeconds drain.timeoutSeconds
terminationGracePeriodSeconds maxConnectionAgeSeconds idleTimeoutSeconds strategy strategy.type minReadySeconds
revisionHistoryLimit progressDeadlineSeconds autoscaling autoscaling.enabled autoscaling.minReplicas autoscaling.maxReplicas
autoscaling.targetCPUUtilizationPercentage autoscaling.targetMemoryUtilizationPercentage autoscaling.targetRequestsInFlight
autoscaling.behavior ingress ingress.enabled ingress.className ingress.annotations ingress.tls httpRoute httpRoute.enabled
httpRoute.annotations httpRoute.parentRefs httpRoute.hostnames httpRoute.rules serviceAccount serviceAccount.create
serviceAccount.name serviceAccount.annotations serviceAccount.automount podAnnotations podLabels extraEnv envFrom volumes
volumeMounts initContainers extraContainers nodeSelector tolerations priorityClassName topologySpread topologySpread.enabled
topologySpreadConstraints podDisruptionBudget podDisruptionBudget.enabled networkPolicy networkPolicy.enabled
networkPolicy.ingressFrom networkPolicy.adminFrom networkPolicy.egress serviceMonitor serviceMonitor.enabled
serviceMonitor.labels serviceMonitor.interval serviceMonitor.scrapeTimeout serviceMonitor.relabelings
serviceMonitor.metricRelabelings podMonitor podMonitor.enabled podMonitor.labels podMonitor.interval
podMonitor.scrapeTimeout podMonitor.relabelings podMonitor.metricRelabelings scrapeAnnotations prometheusRule
prometheusRule.enabled prometheusRule.labels prometheusRule.alertLabels prometheusRule.availability prometheusRule.latency
prometheusRule.latencySeconds accessLog traces traces.endpoint traces.share dashboard dashboard.enabled dashboard.labels
dashboard.annotations dashboard.namespace spin spin.runtimeClassName spin.operator spin.executor test test.image test.argoCD
{{- end }}
