module cluster/crds

go 1.24

// For their manifests alone; Go calls them indirect, as nothing imports them.
require (
	github.com/prometheus-operator/prometheus-operator v0.85.0 // indirect
	sigs.k8s.io/gateway-api v1.4.1 // indirect
)
