//! Values of the chart that more than one test sets.

/// Features that can be turned on together, with every runtime.
pub const CHART_ALL: &str = "autoscaling.enabled=true,ingress.enabled=true,httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,\
                              topologySpread.enabled=true,dashboard.enabled=true,traces.endpoint=http://a:4318,test.argoCD=true";

/// Features that a user can turn on.
pub const CHART_FEATURES: &[&str] = &[
    "runtime=wasm",
    "runtime=spin",
    "runtime=spin,spin.operator=true",
    "replicaCount=0",
    "message=Hi",
    "env[0].name=KEY,env[0].value=a",
    "allowedOutboundHosts[0]=a.example",
    "extraEnv[0].name=A,extraEnv[0].value=a",
    "service.type=ClusterIP",
    "service.type=LoadBalancer",
    "service.nodePort=0",
    "service.externalTrafficPolicy=Local",
    "strategy.type=Recreate",
    "terminationGracePeriodSeconds=60",
    "drain.delaySeconds=60",
    "resources.requests=null,resources.limits=null",
    "autoscaling.enabled=true",
    "autoscaling.enabled=true,autoscaling.targetRequestsInFlight=9",
    "ingress.enabled=true",
    "httpRoute.enabled=true,httpRoute.parentRefs[0].name=a",
    "serviceAccount.create=false",
    "podSecurityContext.fsGroup=2000",
    "volumes[0].name=a",
    "topologySpread.enabled=true",
    "podDisruptionBudget.enabled=false",
    "networkPolicy.enabled=false",
    "serviceMonitor.enabled=true",
    "podMonitor.enabled=true",
    "scrapeAnnotations=true",
    "prometheusRule.enabled=true",
    "accessLog=1",
    "traces.endpoint=http://collector:4318",
    "dashboard.enabled=true",
];

/// Values that a `SpinApp` supports, each with the field that carries it. The `e2e` tests check that a `SpinApp` has these fields.
pub const SPIN_APP_FIELDS: &[(&str, &str)] = &[
    ("message", "variables"),
    ("color", "variables"),
    ("env", "variables"),
    ("replicaCount", "replicas"),
    ("image.repository", "image"),
    ("image.tag", "image"),
    ("image.digest", "image"),
    ("image.pullSecrets", "imagePullSecrets"),
    ("imagePullSecrets", "imagePullSecrets"),
    ("resources", "resources"),
    ("autoscaling.", "enableAutoscaling"),
    ("serviceAccount.create", "serviceAccountName"),
    ("serviceAccount.name", "serviceAccountName"),
    ("serviceAccount.annotations", "serviceAccountName"),
    ("podAnnotations", "podAnnotations"),
    ("podLabels", "podLabels"),
    ("volumes", "volumes"),
    ("volumeMounts", "volumeMounts"),
    ("spin.executor", "executor"),
];
