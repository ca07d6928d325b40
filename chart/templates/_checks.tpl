{{/* Checks that values.schema.json cannot express, or not with a helpful message. Prints all errors, one per line. */}}
{{- define "hello.checks" -}}
{{- $nulls := include "hello.checks.nulls" . -}}
{{- if $nulls }}{{ fail (printf "\n\n%s" $nulls) }}{{ end -}}
{{- $errors := print (include "hello.checks.names" .) (include "hello.checks.env" .) (include "hello.checks.service" .)
  (include "hello.checks.outbound" .) (include "hello.checks.pods" .) (include "hello.checks.containers" .) (include "hello.checks.metrics" .) (include "hello.checks.spin" .) (include "hello.checks.operator" .) -}}
{{- if $errors }}{{ fail (printf "\n\n%s" $errors) }}{{ end -}}
{{- end }}

{{- define "hello.checks.names" -}}
{{- $name := include "hello.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
  {{- printf "the release %q gets the name %q, which no Service can have; let it begin with a letter and consist of small letters, digits and hyphens, or set fullnameOverride.\n" .Release.Name $name -}}
{{- end -}}
{{- if not (regexMatch "^([A-Za-z]*|#([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$" (.Values.color | default "")) -}}
  {{- printf "color is %q, which is not valid; use a CSS colour name such as teal, or #rrggbb.\n" .Values.color -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.env" -}}
{{- $v := .Values -}}
{{- range $list := list "env" "extraEnv" -}}
  {{- $names := list -}}
  {{- /* Names of Spin's variables have no capitals, so A and a are the same. */}}
  {{- $isSpin := and (eq $v.runtime "spin") (eq $list "env") -}}
  {{- range index $v $list }}{{ $names = append $names (ternary (upper .name) .name $isSpin) }}{{ end -}}
  {{- if ne (len $names) (len (uniq $names)) -}}
    {{- printf "%s has a name twice, and only one of them would count; leave the other out.\n" $list -}}
  {{- end -}}
{{- end -}}
{{- range $v.env -}}
  {{- if hasPrefix "HELLO_" (upper .name) -}}
    {{- printf "env has %s, and names that begin with HELLO_ are the program's settings; use message, color, allowedOutboundHosts or extraEnv for these, or another name.\n" .name -}}
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
{{- if and (eq $service.ipFamilyPolicy "SingleStack") (gt (len $service.ipFamilies) 1) -}}
  {{- print "service.ipFamilyPolicy is SingleStack, but service.ipFamilies has two; set it to PreferDualStack or RequireDualStack, or leave one family out.\n" -}}
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
{{- $rolling := $v.strategy.rollingUpdate | default dict -}}
{{- if and (eq $v.strategy.type "RollingUpdate") (regexMatch "^0%?$" (get $rolling "maxSurge" | toString)) (regexMatch "^0%?$" (get $rolling "maxUnavailable" | toString)) -}}
  {{- print "strategy.rollingUpdate has maxSurge and maxUnavailable of 0, so that no pod could be replaced; raise one of them.\n" -}}
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

{{/* Milliseconds of a duration with one unit, such as 30s; 0 if it has several units. */}}
{{- define "hello.milliseconds" -}}
{{- $unit := regexFind "(ms|s|m|h)$" . -}}
{{- if regexMatch "^[0-9]+(ms|s|m|h)$" . -}}
  {{- mul (trimSuffix $unit . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit) -}}
{{- else }}0{{ end -}}
{{- end }}

{{- define "hello.checks.metrics" -}}
{{- range $kind := list "serviceMonitor" "podMonitor" -}}
  {{- $monitor := index $.Values $kind -}}
  {{- $interval := include "hello.milliseconds" $monitor.interval | int64 -}}
  {{- if and $interval (gt (include "hello.milliseconds" $monitor.scrapeTimeout | int64) $interval) -}}
    {{- printf "%s.scrapeTimeout is %s, longer than interval, which is %s; raise the one or lower the other.\n" $kind $monitor.scrapeTimeout $monitor.interval -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
  {{- print "serviceMonitor.enabled and podMonitor.enabled would have every pod scraped twice; set one of them to false.\n" -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.outbound" -}}
{{- $name := "[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*" -}}
{{- $address := "\\[[0-9A-Fa-f:.]+\\]" -}}
{{- $port := "(:[1-9][0-9]{0,4})?" -}}
{{- $all := list -}}
{{- range .Values.allowedOutboundHosts -}}
  {{- if regexMatch (printf "^ *(https?://)?((\\*\\.)?%s|%s)%s/? *$" $name $address $port) . }}{{ $all = append $all . -}}
  {{- else }}{{ printf "allowedOutboundHosts has %q; use a host as api.example, api.example:443, https://api.example or *.example.\n" . }}{{ end -}}
{{- end -}}
{{- with .Values.traces.endpoint -}}
  {{- if regexMatch (printf "^http://(%s|%s)%s(/[^?#]*)?$" $name $address $port) . }}{{ $all = append $all . -}}
  {{- else }}{{ printf "traces.endpoint is %q; use the address of a Collector that takes OTLP over HTTP without TLS, such as http://collector.monitoring:4318.\n" . }}{{ end -}}
{{- end -}}
{{- range $all -}}
  {{- $port := include "hello.port" . -}}
  {{- if gt (int $port) 65535 }}{{ printf "%q has the port %s; the highest is 65535.\n" . $port }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "hello.checks.containers" -}}
{{- $v := .Values -}}
{{- $names := list "hello" -}}
{{- range concat $v.initContainers $v.extraContainers }}{{ $names = append $names .name }}{{ end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
  {{- print "initContainers and extraContainers have a name twice, or that of the chart's own, hello; use other names.\n" -}}
{{- end -}}
{{- $names = list "spin-cache" -}}
{{- range $v.volumes }}{{ $names = append $names .name }}{{ end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
  {{- print "volumes has a name twice, or that of the chart's own, spin-cache; use other names.\n" -}}
{{- end -}}
{{- range $v.volumeMounts -}}
  {{- if not (has .name $names) }}{{ printf "volumeMounts has %s, which is not among volumes; add it there, or leave it out.\n" .name }}{{ end -}}
{{- end -}}
{{- end }}
