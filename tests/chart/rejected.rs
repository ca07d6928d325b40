//! Values that the chart rejects before anything is installed, and the errors.

use libtest_mimic::Failed;

use crate::{
    combined::names_of_values,
    helm::{helm, helm_with},
};

/// Sets of values that must be rejected, each with a part of the error.
pub(crate) const REJECTED: &[(&str, &str)] = &[
    ("runtime=jvm", "must be one of 'native', 'wasm', 'spin'"),
    ("replicas=3", "'replicas' not allowed"),
    ("spin.operator=true", "set runtime to spin, or spin.operator to false"),
    ("autoscaling.enabled=true,autoscaling.minReplicas=6", "raise the one or lower the other"),
    ("service.type=ClusterIP,service.nodePort=30100", "set service.type to NodePort"),
    ("runtime=spin,serviceMonitor.enabled=true", "set serviceMonitor.enabled to false"),
    ("runtime=spin,scrapeAnnotations=true", "set scrapeAnnotations to false"),
    ("serviceMonitor.enabled=true,podMonitor.enabled=true", "set one of them to false"),
    ("prometheusRule.enabled=true,prometheusRule.availability=100.0", "/prometheusRule/availability"),
    ("prometheusRule.enabled=true,prometheusRule.latencySeconds=0.3", "/prometheusRule/latencySeconds"),
    ("accessLog=2", "/accessLog"),
    ("runtime=spin,maxConnectionAgeSeconds=5", "Spin keeps connections however old they are"),
    ("runtime=spin,idleTimeoutSeconds=620", "Spin has no such setting"),
    ("runtime=spin,accessLog=1", "Spin logs no requests"),
    ("traces.endpoint=https://collector:4318", "use the address of a Collector"),
    ("runtime=spin,spin.operator=true,traces.endpoint=http://a:4318", "in the SpinAppExecutor's deploymentConfig.otel"),
    ("runtime=spin,autoscaling.targetRequestsInFlight=5", "Spin does not count requests in flight"),
    ("httpRoute.enabled=true", "name it in httpRoute.parentRefs"),
    ("image.digest=sha256:abc", "/image/digest"),
    ("extraEnv[0].value=a", "/extraEnv/0"),
    ("runtime=spin,spin.operator=true,extraEnv[0].name=A", "extraEnv is set, and a SpinApp cannot express it"),
    ("runtime=spin,spin.operator=true,nodeSelector.a=b", "nodeSelector is set, and a SpinApp cannot express it"),
    (
        "runtime=spin,spin.operator=true,progressDeadlineSeconds=30",
        "progressDeadlineSeconds is set, and a SpinApp cannot",
    ),
    ("allowedOutboundHosts[0]=ftp://a.example", "use a host as api.example, api.example:443"),
    ("allowedOutboundHosts[0]=*", "use a host as api.example, api.example:443"),
    ("allowedOutboundHosts[0]=*.[::1]:80", "use a host as api.example, api.example:443"),
    ("allowedOutboundHosts[0]=a:0", "use a host as api.example, api.example:443"),
    ("allowedOutboundHosts[0]=a:99999", "has the port 99999"),
    ("traces.endpoint=http://a:99999", "has the port 99999"),
    ("traces.endpoint=http://user@a:4318", "use the address of a Collector"),
    ("strategy.rollingUpdate.maxSurge=0", "raise one of them"),
    ("strategy.rollingUpdate.maxSurge=0%", "raise one of them"),
    ("env[0].name=HELLO_GREETING,env[0].value=a", "use message, color, allowedOutboundHosts or extraEnv"),
    ("env[0].name=A,env[0].value=a,env[0].valueFrom.fieldRef.fieldPath=b", "/env/0"),
    (
        "service.ipFamilyPolicy=SingleStack,service.ipFamilies[0]=IPv4,service.ipFamilies[1]=IPv6",
        "leave one family out",
    ),
    ("extraContainers[0].name=hello,extraContainers[0].image=a", "or that of the chart's own, hello"),
    ("volumes[0].name=spin-cache", "or that of the chart's own, spin-cache"),
    ("volumeMounts[0].name=a,volumeMounts[0].mountPath=/a", "which is not among volumes"),
    ("serviceMonitor.enabled=true,serviceMonitor.interval=5s,serviceMonitor.scrapeTimeout=1m", "longer than interval"),
    ("runtime=spin,spin.operator=true,resources.claims[0].name=g", "resources.claims is set"),
    ("runtime=spin,spin.operator=true,serviceAccount.create=false", "cannot keep the default account's token"),
    ("podSecurityContext.runAsNonroot=true", "'runAsNonroot' not allowed"),
    ("networkPolicy.egress[0].port=53", "'port' not allowed"),
    ("commonLabels.a=b c", "/commonLabels/a"),
    ("extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv has a name twice"),
    ("env[0].name=A,env[1].name=A", "env has a name twice"),
    ("runtime=spin,env[0].name=A,env[1].name=a", "\nenv has a name twice"),
    ("env[0].name=a-b", "/env/0/name"),
    ("env[0].name=A,extraEnv[0].name=HELLO_PASS_ENV", "move the variables that the component is to see"),
    ("allowedOutboundHosts[0]=a,extraEnv[0].name=HELLO_ALLOWED_OUTBOUND_HOSTS", "move the hosts from extraEnv"),
    ("color=re-d", "use a CSS colour name such as teal"),
    ("service.type=ClusterIP,service.externalTrafficPolicy=Local", "set service.type to NodePort or LoadBalancer"),
    ("service.loadBalancerClass=a", "set service.type to LoadBalancer"),
    ("service.loadBalancerSourceRanges[0]=10.0.0.0/8", "set service.type to LoadBalancer"),
    ("terminationGracePeriodSeconds=20", "set it to 0 or higher than these"),
    ("minReadySeconds=600", "so that each roll-out would fail"),
    ("autoscaling.enabled=true,autoscaling.targetCPUUtilizationPercentage=0", "has nothing to scale by"),
    (
        "autoscaling.enabled=true,autoscaling.targetMemoryUtilizationPercentage=70,resources.requests=null,resources.limits=null",
        "set resources.requests.memory",
    ),
    (
        "topologySpread.enabled=true,topologySpreadConstraints[0].topologyKey=a,topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway",
        "leave one of them out",
    ),
    ("fullnameOverride=2048-hello", "let it begin with a letter"),
    ("fullnameOverride=my.hello", "no Service can have"),
];

pub(crate) fn rejects(values: &str, error: &str) -> Result<(), Failed> {
    let exit = helm(&["template", "hello", "chart"], values);
    Ok(exit.require(!exit.succeeded() && exit.output().contains(error))?)
}

/// A Service has the name of the release.
pub(crate) fn rejects_names_of_no_service() -> Result<(), Failed> {
    for name in ["my.hello", "2048-hello", "42", "1e3"] {
        let exit = helm_with(&["template", name, "chart"], "");
        exit.require(!exit.succeeded() && exit.output().contains("no Service can have"))?;
    }
    Ok(())
}

/// Helm removes a value that is null. If the value is required, the error names it.
pub(crate) fn rejects_null_for_a_required_value() -> Result<(), Failed> {
    for name in names_of_values() {
        let exit = helm(&["template", "hello", "chart"], &format!("{name}=null"));
        let is_rejected = !exit.succeeded() && exit.output().contains(&format!("\n{name} is null; leave it out"));
        exit.require(is_rejected || exit.succeeded() && !exit.stdout.contains("nil>"))?;
    }
    let optional = "resources=null,podSecurityContext=null,securityContext=null,affinity=null,ingress.hosts=null";
    let exit = helm(&["template", "hello", "chart", "--set", "ingress.enabled=true"], optional);
    exit.require(exit.succeeded())?;
    Ok(exit.require(!exit.output().contains("null"))?)
}
