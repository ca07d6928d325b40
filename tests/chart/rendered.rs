//! Manifests that the chart renders for each of its values.

use libtest_mimic::Failed;
use tests::VERSION;

use crate::helm::helm;

/// Sets of values that must pass `helm lint` and render, each with a text that the manifests must contain. VERSION is the version of the
/// chart. Each value is in one of the sets.
pub(crate) const RENDERED: &[(&str, &str)] = &[
    ("runtime=native", "image: \"hello-native:VERSION\""),
    ("runtime=wasm", "image: \"hello-wasm:VERSION\""),
    ("runtime=spin", "runtimeClassName: \"wasmtime-spin-v2\""),
    ("runtime=spin,spin.runtimeClassName=other", "runtimeClassName: \"other\""),
    ("runtime=spin,spin.operator=true", "kind: SpinApp"),
    ("runtime=spin,spin.operator=true,spin.executor=other", "executor: \"other\""),
    ("runtime=spin,spin.operator=true,message=$Hi", "- name: message\n      value: $$Hi"),
    ("message=$Hi", "- name: HELLO_MESSAGE\n              value: $$Hi"),
    ("color=teal", "- name: HELLO_COLOR\n              value: teal"),
    ("replicaCount=3", "replicas: 3"),
    ("image.repository=me/hello-{{ .Values.runtime }},runtime=wasm", "image: \"me/hello-wasm:VERSION\""),
    ("image.tag=edge", "image: \"hello-native:edge\""),
    (
        "image.digest=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "image: \"hello-native@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
    ),
    ("image.pullPolicy=Never", "imagePullPolicy: Never"),
    ("image.pullSecrets[0].name=key", "imagePullSecrets:\n        - name: key"),
    ("service.type=ClusterIP", "type: ClusterIP"),
    ("service.port=8080", "port: 8080"),
    ("service.nodePort=30100", "nodePort: 30100"),
    ("drain.delaySeconds=7,drain.timeoutSeconds=8", "terminationGracePeriodSeconds: 20"),
    ("progressDeadlineSeconds=30", "progressDeadlineSeconds: 30"),
    ("resources.limits.memory=1Gi", "memory: 1Gi"),
    ("autoscaling.enabled=true,autoscaling.targetRequestsInFlight=20", "averageValue: \"20\""),
    ("autoscaling.enabled=true,autoscaling.minReplicas=2", "minReplicas: 2"),
    ("autoscaling.enabled=true,autoscaling.maxReplicas=9", "maxReplicas: 9"),
    ("autoscaling.enabled=true,autoscaling.targetCPUUtilizationPercentage=55", "averageUtilization: 55"),
    ("ingress.enabled=true,ingress.className=nginx", "ingressClassName: \"nginx\""),
    ("ingress.enabled=true,ingress.annotations.a=b", "annotations:\n    a: b"),
    ("ingress.enabled=true,ingress.tls[0].secretName=key", "secretName: key"),
    ("httpRoute.enabled=true,httpRoute.parentRefs[0].name=gateway,httpRoute.hostnames[0]=a.example", "- a.example"),
    ("serviceAccount.create=false", "serviceAccountName: \"default\""),
    (
        "extraEnv[0].name=HELLO_ALLOWED_OUTBOUND_HOSTS,extraEnv[0].value=a.example",
        "- name: HELLO_ALLOWED_OUTBOUND_HOSTS\n              value: a.example",
    ),
    ("nodeSelector.disk=ssd", "nodeSelector:\n        disk: ssd"),
    ("tolerations[0].key=spot", "tolerations:\n        - key: spot"),
    ("affinity.podAntiAffinity=null,affinity.nodeAffinity.a=b", "affinity:\n        nodeAffinity:"),
    ("topologySpread.enabled=true", "topologySpreadConstraints:"),
    ("podDisruptionBudget.enabled=true", "kind: PodDisruptionBudget"),
    ("networkPolicy.egress[0].ports[0].port=53", "egress:\n    - ports:\n      - port: 53"),
    ("serviceMonitor.enabled=true,serviceMonitor.labels.release=prometheus", "release: prometheus"),
    ("podMonitor.enabled=true,podMonitor.labels.release=prometheus", "release: prometheus"),
    (
        "scrapeAnnotations=true",
        "annotations:\n        prometheus.io/path: /metrics\n        prometheus.io/port: \"9090\"",
    ),
    (
        "prometheusRule.enabled=true,prometheusRule.labels.release=prometheus,prometheusRule.availability=99.5",
        "> 14.4 * (1 - 99.5 / 100)",
    ),
    ("prometheusRule.enabled=true,prometheusRule.latency=90", "> 14.4 * (1 - 90 / 100)"),
    ("prometheusRule.enabled=true,prometheusRule.latencySeconds=0.5", "le=\"0.5\""),
    ("maxConnectionAgeSeconds=0", "name: HELLO_MAX_CONNECTION_AGE\n              value: 0s"),
    ("idleTimeoutSeconds=620", "name: HELLO_IDLE_TIMEOUT\n              value: 620s"),
    ("accessLog=0.5", "name: HELLO_ACCESS_LOG\n              value: \"0.5\""),
    (
        "traces.endpoint=http://collector:4318",
        "name: OTEL_EXPORTER_OTLP_ENDPOINT\n              value: http://collector:4318",
    ),
    ("traces.endpoint=http://a:4318,traces.share=0.01", "name: OTEL_TRACES_SAMPLER_ARG\n              value: \"0.01\""),
    ("dashboard.enabled=true,dashboard.labels.team=hello", "team: hello"),
    ("test.image=me/busybox", "image: \"me/busybox\""),
    ("image.pullSecrets[0].name=key,imagePullSecrets[0].name=other", "- name: key\n        - name: other"),
    ("imagePullSecrets[0].name=key", "imagePullSecrets:\n        - name: key"),
    ("nameOverride=other", "name: \"hello-other\""),
    ("fullnameOverride=other", "name: \"other\""),
    ("namespaceOverride=other", "namespace: \"other\""),
    ("commonLabels.team=web", "team: web"),
    ("service.annotations.a=b", "annotations:\n    a: b"),
    ("service.labels.a=b", "a: b"),
    ("service.externalTrafficPolicy=Local", "externalTrafficPolicy: Local"),
    ("service.type=LoadBalancer,service.loadBalancerClass=a/b", "loadBalancerClass: \"a/b\""),
    ("service.type=LoadBalancer,service.loadBalancerSourceRanges[0]=10.0.0.0/8", "- 10.0.0.0/8"),
    ("service.ipFamilyPolicy=PreferDualStack", "ipFamilyPolicy: PreferDualStack"),
    ("service.ipFamilies[0]=IPv6", "ipFamilies:\n    - IPv6"),
    ("terminationGracePeriodSeconds=90", "terminationGracePeriodSeconds: 90"),
    ("strategy.rollingUpdate.maxSurge=50%", "maxSurge: 50%"),
    ("strategy.type=Recreate", "strategy:\n    type: Recreate\n  template"),
    ("minReadySeconds=3", "minReadySeconds: 3"),
    ("revisionHistoryLimit=2", "revisionHistoryLimit: 2"),
    ("autoscaling.enabled=true,autoscaling.targetMemoryUtilizationPercentage=70", "name: memory"),
    (
        "autoscaling.enabled=true,autoscaling.behavior.scaleDown.stabilizationWindowSeconds=60",
        "behavior:\n    scaleDown:",
    ),
    ("ingress.enabled=true,ingress.hosts[0].host=a.example", "host: \"a.example\""),
    ("ingress.enabled=true,ingress.hosts=null", "- path: \"/\"\n            pathType: Prefix"),
    ("httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,httpRoute.annotations.a=b", "annotations:\n    a: b"),
    ("httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,httpRoute.rules[0].matches[0].path.value=/a", "value: /a"),
    ("serviceAccount.name=other", "serviceAccountName: \"other\""),
    ("serviceAccount.create=false,serviceAccount.name=other", "serviceAccountName: \"other\""),
    ("serviceAccount.annotations.role=a", "annotations:\n    role: a"),
    ("serviceAccount.automount=true", "automountServiceAccountToken: true"),
    ("podAnnotations.a=b,scrapeAnnotations=true", "annotations:\n        a: b\n        prometheus.io/path"),
    ("podLabels.a=b", "a: b"),
    ("podSecurityContext.fsGroup=2000", "fsGroup: 2000\n        runAsNonRoot: true"),
    ("securityContext.runAsUser=1000", "runAsUser: 1000"),
    (
        "extraEnv[0].name=HELLO_LISTEN,extraEnv[0].value=0.0.0.0:8080",
        "- name: HELLO_LISTEN\n              value: 0.0.0.0:8080",
    ),
    ("env[0].name=KEY,env[0].value=a,runtime=native", "- name: KEY\n              value: a"),
    ("env[0].name=KEY,env[0].value=a,runtime=wasm", "- name: HELLO_PASS_ENV\n              value: KEY"),
    ("env[0].name=Key,env[0].value=a,runtime=spin", "- name: SPIN_VARIABLE_KEY\n              value: a"),
    ("env[0].name=Key,env[0].value=a,runtime=spin,spin.operator=true", "variables:\n    - name: key\n      value: a"),
    (
        "allowedOutboundHosts[0]=https://a.example,allowedOutboundHosts[1]=*.b.example:8080",
        "- name: HELLO_ALLOWED_OUTBOUND_HOSTS\n              value: https://a.example,*.b.example:8080",
    ),
    ("allowedOutboundHosts[0]=https://a.example", "- ports:\n      - port: 443\n        protocol: TCP"),
    ("allowedOutboundHosts[0]=a.example", "- endPort: 65535\n        port: 1"),
    ("traces.endpoint=http://collector:4318", "- ports:\n      - port: 4318\n        protocol: TCP"),
    ("envFrom[0].secretRef.name=a", "envFrom:\n            - secretRef:"),
    ("volumes[0].name=a,volumes[0].emptyDir.medium=Memory", "volumes:\n        - emptyDir:"),
    (
        "runtime=spin,volumes[0].name=a,volumeMounts[0].name=a,volumeMounts[0].mountPath=/a",
        "mountPath: /a\n              name: a",
    ),
    ("runtime=spin,spin.operator=true,volumes[0].name=a", "volumes:\n    - name: a"),
    ("runtime=spin,spin.operator=true,podAnnotations.a=b", "podAnnotations:\n    a: b"),
    ("initContainers[0].name=a,initContainers[0].image=b", "initContainers:\n        - image: b"),
    ("extraContainers[0].name=a,extraContainers[0].image=b", "- image: b\n          name: a"),
    ("priorityClassName=high", "priorityClassName: \"high\""),
    (
        "topologySpreadConstraints[0].topologyKey=rack,topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule",
        "app.kubernetes.io/name: hello\n          maxSkew: 1\n          topologyKey: rack",
    ),
    ("networkPolicy.ingressFrom[0].ipBlock.cidr=10.0.0.0/8", "from:\n        - ipBlock:\n            cidr: 10.0.0.0/8"),
    ("networkPolicy.adminFrom[0].namespaceSelector.matchLabels.a=b", "matchLabels:\n              a: b"),
    ("serviceMonitor.enabled=true,serviceMonitor.interval=30s", "interval: \"30s\""),
    ("serviceMonitor.enabled=true,serviceMonitor.scrapeTimeout=5s", "scrapeTimeout: \"5s\""),
    ("serviceMonitor.enabled=true,serviceMonitor.relabelings[0].action=keep", "relabelings:\n        - action: keep"),
    (
        "serviceMonitor.enabled=true,serviceMonitor.metricRelabelings[0].action=keep",
        "metricRelabelings:\n        - action: keep",
    ),
    ("podMonitor.enabled=true,podMonitor.interval=30s", "interval: \"30s\""),
    ("podMonitor.enabled=true,podMonitor.scrapeTimeout=5s", "scrapeTimeout: \"5s\""),
    ("podMonitor.enabled=true,podMonitor.relabelings[0].action=keep", "relabelings:\n        - action: keep"),
    (
        "podMonitor.enabled=true,podMonitor.metricRelabelings[0].action=keep",
        "metricRelabelings:\n        - action: keep",
    ),
    ("prometheusRule.enabled=true,prometheusRule.alertLabels.team=web", "team: web\n            window: 1h"),
    ("prometheusRule.enabled=true,prometheusRule.latencySeconds=10", "le=~\"10([.]0)?\""),
    ("dashboard.enabled=true,dashboard.annotations.grafana_folder=web", "grafana_folder: web"),
    ("dashboard.enabled=true,dashboard.namespace=grafana", "namespace: \"grafana\""),
    ("test.resources.limits.memory=32Mi", "memory: 32Mi"),
    ("test.argoCD=true", "argocd.argoproj.io/hook: PostSync"),
    ("enabled=true,global.a=b", "kind: Deployment"),
    ("runtime=spin,allowedOutboundHosts[0]=https://a.example", "- port: 443"),
    ("runtime=spin,extraEnv[0].name=A,extraEnv[1].name=a", "- name: A\n            - name: a"),
    ("networkPolicy.ingressFrom[0].podSelector.matchLabels.a=b", "app.kubernetes.io/name: hello-test\n"),
    (
        "traces.endpoint=http://a:4318,extraEnv[0].name=POD,extraEnv[0].value=x",
        "- name: POD\n              value: x\n            - name: OTEL_RESOURCE_ATTRIBUTES",
    ),
    (
        "topologySpreadConstraints[0].topologyKey=a,topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway,topologySpreadConstraints[0].labelSelector.matchLabels.team=web",
        "- labelSelector:\n            matchLabels:\n              team: web\n          maxSkew",
    ),
    (
        "httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,httpRoute.rules[0].filters[0].type=RequestRedirect,httpRoute.rules[0].filters[0].requestRedirect.scheme=https",
        "statusCode: 302\n        type: RequestRedirect\n      matches:",
    ),
    (
        "httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,httpRoute.parentRefs[0].kind=Service,httpRoute.parentRefs[0].group=",
        "- group: \"\"\n      kind: Service",
    ),
    ("podMonitor.enabled=true,podMonitor.relabelings[0].targetLabel=a", "- action: replace\n          targetLabel: a"),
    ("autoscaling.enabled=true", "container: hello\n        name: cpu"),
    ("accessLog=1.0", "name: HELLO_ACCESS_LOG"),
    ("runtime=spin,accessLog=0.0", "kind: Deployment"),
    ("prometheusRule.enabled=true,prometheusRule.latencySeconds=10.0", "le=~\"10([.]0)?\""),
];

/// Sets of values that omit something, each with a text that the manifests must not contain.
pub(crate) const OMITTED: &[(&str, &str)] = &[
    ("podDisruptionBudget.enabled=false", "PodDisruptionBudget"),
    ("networkPolicy.enabled=false", "NetworkPolicy"),
    ("autoscaling.enabled=true", " replicas:"),
    ("extraEnv[0].name=HELLO_LISTEN,extraEnv[0].value=0.0.0.0:8080", "[::]:8080"),
    ("extraEnv[0].name=HELLO_MESSAGE,extraEnv[0].value=Hi,message=Hello", "value: Hello"),
    ("prometheusRule.enabled=true,prometheusRule.alertLabels.severity=page", "severity: page"),
    (
        "serviceMonitor.enabled=true,serviceMonitor.labels.release=a,commonLabels.release=b",
        "release: b\nspec:\n  # The release",
    ),
    ("runtime=wasm,env[0].name=KEY,env[0].value=a,extraEnv[0].name=KEY,extraEnv[0].value=b", "value: a\n"),
    ("runtime=spin,spin.operator=true,env[0].name=Message,env[0].value=Hi,message=Hello", "value: Hello"),
    ("service.nodePort=0", "nodePort:"),
    ("service.nodePort=", "nodePort:"),
    ("service.nodePort=null", "nodePort:"),
    ("strategy.type=Recreate", "rollingUpdate"),
];

pub(crate) fn renders(values: &str, contained: &str) -> Result<(), Failed> {
    let linted = helm(&["lint", "--strict", "chart"], values);
    linted.require(linted.succeeded())?;
    let rendered = helm(&["template", "hello", "chart"], values);
    Ok(rendered.require(rendered.succeeded() && rendered.output().contains(&contained.replace("VERSION", VERSION)))?)
}

pub(crate) fn omits(values: &str, absent: &str) -> Result<(), Failed> {
    let rendered = helm(&["template", "hello", "chart"], values);
    Ok(rendered.require(rendered.succeeded() && !rendered.output().contains(absent))?)
}
