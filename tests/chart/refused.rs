//! What the chart refuses before anything is installed, and with which words.

use std::fs;

use libtest_mimic::Failed;
use tests::workspace;

use crate::helm::{helm, helm_with};

/// Sets of values that must be refused, each with what the refusal must say.
pub(crate) const REFUSED: &[(&str, &str)] = &[
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
    ("traces.endpoint=https://collector:4318", "/traces/endpoint"),
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
    ("runtime=spin,allowedOutboundHosts[0]=a.example", "Spin has these hosts in spin.toml"),
    ("allowedOutboundHosts[0]=ftp://a.example", "/allowedOutboundHosts/0"),
    ("allowedOutboundHosts[0]=*", "/allowedOutboundHosts/0"),
    ("extraEnv[0].name=A,extraEnv[1].name=A", "extraEnv has a name twice"),
    ("env[0].name=A,env[1].name=A", "env has a name twice"),
    ("runtime=spin,env[0].name=A,env[1].name=a", "env has a name twice"),
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

pub(crate) fn refuses(values: &str, said: &str) -> Result<(), Failed> {
    let refused = helm(&["template", "hello", "chart"], values);
    Ok(refused.require(!refused.succeeded() && refused.output().contains(said))?)
}

/// Names of releases that no Service can have.
pub(crate) fn refuses_names() -> Result<(), Failed> {
    for name in ["my.hello", "2048-hello", "42", "1e3"] {
        let refused = helm_with(&["template", name, "chart"], "");
        let is_refused = !refused.succeeded() && refused.output().contains("no Service can have");
        refused.require(is_refused)?;
    }
    Ok(())
}

/// A value that is null is taken away by Helm. What cannot be without it is refused by its name.
pub(crate) fn refuses_nulls() -> Result<(), Failed> {
    let values = fs::read_to_string(workspace().join("chart/values.yaml"))?;
    let names = values.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let names: Vec<_> = names.filter_map(|line| Some(line.split_once(':')?.0)).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        let exit = helm(&["template", "hello", "chart"], &format!("{name}=null"));
        let may_be_missing = ["resources", "podSecurityContext", "securityContext", "affinity"].contains(&name);
        let is_refused = !exit.succeeded() && exit.output().contains(&format!("\n{name} is null; leave it out"));
        exit.require(if may_be_missing { exit.succeeded() } else { is_refused })?;
    }
    Ok(())
}
