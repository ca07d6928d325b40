# The commands of the project. `make` alone lists them.

# native, wasm (the WASI 0.3 component), wasm-p2 (the WASI 0.2 component) or spin
RUNTIME ?= wasm

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CARGO := cargo
# Missing tools of cargo are built into this folder, after a message.
export PATH := $(PATH):$(abspath $(TARGET_DIR))/tools/bin
# This script builds all programs and components, and prints the folder with the results.
BUILD := CARGO="$(CARGO)" scripts/build.sh

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve on 127.0.0.1:8080; RUNTIME=native, wasm, wasm-p2 or spin
	@exec scripts/run.sh "$(RUNTIME)"

.PHONY: doctor
doctor: ## Diagnose this machine, the cluster and a deployment
	@scripts/doctor.sh $(NAMESPACE)

.PHONY: build
build: hello-native components hello-host ## Build dist/: both binaries and both components

.PHONY: test
test: lint deny unit blackbox ## Check the format, lint, and run every test

.PHONY: deny
deny: cargo-deny cargo-audit ## Check licences, versions, sources and advisories of all dependencies
	@$(CARGO) deny --locked check --hide-inclusion-graph bans licenses sources
	@scripts/advisories.sh $(TARGET_DIR)/advisory-db lock Cargo.lock || [ $$? = 69 ]

.PHONY: sbom
sbom: ## Write an SBOM of each program into dist/ (CycloneDX; needs jq)
	@scripts/sbom.sh dist

.PHONY: images
images: ## Build all container images, or one: RUNTIME=native, wasm or spin
	@scripts/images.sh build $(if $(filter command line environment,$(origin RUNTIME)),$(RUNTIME))

.PHONY: scan
scan: cargo-audit ## Check the images and the SBOMs for known vulnerabilities
	@scripts/scan.sh $(TARGET_DIR)/advisory-db

.PHONY: reproducible
PROGRAMS := hello-native hello-host
reproducible: ## Build everything twice, in different folders, and compare (30 minutes; 5 with PROGRAMS=hello-native)
	@scripts/reproducible.sh $(TARGET_DIR)/reproducible $(PROGRAMS)

.PHONY: manifests
manifests: ## Render manifests/ and the table of values from the chart
	@scripts/manifests.sh manifests
	@scripts/gen-chart-readme.sh chart/README.md

.PHONY: release
release: ## Commit and tag a release: VERSION=1.2.3 (needs helm)
	@scripts/release.sh "$(VERSION)"

.PHONY: cluster cluster-down
cluster: ## Use the cluster of minikube or kind, or start a throwaway one
	@tests/cluster/cluster.sh up

cluster-down: ## Stop the throwaway cluster and remove its files
	@tests/cluster/cluster.sh down

.PHONY: monitoring monitoring-down
monitoring: ## Start Prometheus in the cluster, with the alerts and links to the panels of the dashboard
	@scripts/monitoring.sh up

monitoring-down: ## Remove Prometheus
	@scripts/monitoring.sh down

.PHONY: e2e
e2e: build e2e-cases ## Run end-to-end tests on a throwaway cluster

.PHONY: bench bench-quick
bench: build bench-build ## Run all benchmarks, update docs/BENCHMARKS.md (30 minutes, Linux, root)
	@scripts/images.sh build native && scripts/images.sh build wasm
	@bench/peers/install.sh $(TARGET_DIR)/peers
	@bench=$$($(BUILD) release program --quiet --package bench --bins) && "$$bench/bench" full $(TARGET_DIR)/peers

bench-quick: build bench-build ## Measure speed, start, memory and size of the programs in dist/ (1 minute)
	@bench=$$($(BUILD) release program --quiet --package bench --bins) && "$$bench/bench" quick

.PHONY: first-run
first-run: ## Measure the time from a clone to the first response, update docs/BENCHMARKS.md
	@scripts/clone-benchmark.sh docs/BENCHMARKS.md

.PHONY: hostile
hostile: build ## Run the tests with hostile input, update docs/SECURITY.md
	@UPDATE_TABLE=1 $(CARGO) test --quiet --locked --package tests --test hostile

.PHONY: soak
SOAK_MINUTES ?= 30
soak: build ## Run the soak test over bad connections (30 minutes), update docs/SECURITY.md
	@tests/performance/soak/toxiproxy.sh $(TARGET_DIR)/soak
	@SOAK_MINUTES=$(SOAK_MINUTES) PATH="$(realpath $(TARGET_DIR))/soak:$$PATH" \
		$(CARGO) test --quiet --locked --package tests --test soak

.PHONY: instructions
instructions: build ## Update the baseline of instruction counts for `make test`
	UPDATE_BASELINE=1 $(CARGO) test --locked --package tests --test instructions

.PHONY: picture
picture: build ## Regenerate the screenshots of README.md (needs prometheus, Chromium, tests/infra/python-tools.sh)
	@$(CARGO) run --quiet --locked --package dashboard-picture
	@SCREENSHOTS=docs pytest-playwright -q -p no:cacheprovider tests/contract/page.py -k switch

.PHONY: rename
rename: ## Rename the project in a fork: NAME=note-book (docs/YOUR-OWN-SERVICE.md)
	@scripts/rename.sh "$(NAME)"

.PHONY: clean
clean: ## Remove all results of builds
	$(CARGO) clean
	rm -rf dist

# --- used by the commands above ---

.PHONY: hello-native hello-host components bench-build
# Each is built separately, like its image. Together, each would get the features of dependencies that only the other needs.
hello-native hello-host:
	@programs=$$($(BUILD) release program --package $@) && mkdir -p dist && install "$$programs/$@" dist/

components: component-0.2 component-0.3
# The component of WASI 0.2 or 0.3.
component-%:
	@built=$$($(BUILD) release component --package hello-wasi-$(subst .,-,$*)) && mkdir -p dist \
		&& install "$$built/hello_wasi_$(subst .,_,$*).wasm" dist/hello-wasi-$*.wasm

bench-build:
	@built=$$($(BUILD) release component --quiet --package bench-variables --package bench-work) && mkdir -p $(TARGET_DIR)/peers \
		&& install "$$built/bench_variables.wasm" $(TARGET_DIR)/peers/variables.wasm && install "$$built/bench_work.wasm" $(TARGET_DIR)/peers/work.wasm

.PHONY: cargo-deny cargo-audit typos-cli
cargo-deny: VERSION = 0.20.2
cargo-audit: VERSION = 0.22.2
typos-cli: VERSION = 1.52.0
cargo-deny cargo-audit typos-cli:
	@command -v $(@:-cli=) >/dev/null || { \
		echo "$@ is not on PATH; building $@ $(VERSION) into $(TARGET_DIR)/tools (once, takes minutes)" >&2; \
		env --unset CARGO_TARGET_DIR $(CARGO) install --quiet --locked --root $(TARGET_DIR)/tools $@@$(VERSION); }

# Tests the images only, except for the last case, which compares them with dist/.
.PHONY: e2e-cases
e2e-cases:
	@tests/cluster/base-image.sh
	@scripts/images.sh build
	@$(CARGO) test --locked --package tests --test e2e --no-run
	@tests/cluster/cluster.sh run $(CARGO) test --locked --package tests --test e2e

.PHONY: lint unit blackbox fixtures quick
lint: ## Check format, Rust lints, language and spelling
	@scripts/lint-prose.sh
	@scripts/wasm-target.sh $(TARGET_DIR)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --release --all-targets -- --deny warnings
	$(CARGO) clippy --locked --release --package tests --test e2e --test soak -- --deny warnings
	$(CARGO) clippy --locked --release --target wasm32-wasip2 --package hello-wasi-0-2 --package hello-wasi-0-3 --package guest-p2 --package guest-p3 --package guest-wstd --package bench-variables --package bench-work -- --deny warnings

unit:
	$(CARGO) test --locked --package hello --package hello-server --package hello-wasm-allocator --package tools

fixtures:
	@built=$$($(BUILD) release component --package guest-p2 --package guest-p3 --package guest-command --package guest-wstd) && mkdir -p dist \
		&& install "$$built"/guest_p2.wasm "$$built"/guest_p3.wasm "$$built"/guest-command.wasm "$$built"/guest-wstd.wasm dist/

# The programs that `make run` starts. Without them, its first test would wait for a build.
quick:
	@scripts/build.sh quick component --package hello-wasi-0-2 >/dev/null
	@scripts/build.sh quick component --package hello-wasi-0-3 >/dev/null
	@scripts/build.sh quick program --package hello-native >/dev/null
	@scripts/build.sh quick program --package hello-host >/dev/null

blackbox: build fixtures quick
	$(CARGO) test --locked --package tests
