# Every command that the README names. `make` alone lists them.

# native, wasm (the WASI 0.3 component), wasm-p2 (the WASI 0.2 component) or spin
RUNTIME ?= wasm

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CARGO := cargo
# The tools of cargo that are missing are built into this folder, after a message.
export PATH := $(PATH):$(abspath $(TARGET_DIR))/tools/bin
# All programs and components are built by this script. It prints the folder of what it has built.
BUILD := CARGO="$(CARGO)" scripts/build.sh

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve on 127.0.0.1:8080; RUNTIME=native, wasm, wasm-p2 or spin
	@exec scripts/run.sh "$(RUNTIME)"

.PHONY: doctor
doctor: ## Say what is missing, here and in the cluster, what is wrong with a deployment, and what mends it
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
sbom: ## Write what is linked into each program into dist/*.cdx.json (CycloneDX; needs jq)
	@scripts/sbom.sh dist

.PHONY: images
images: ## Build the container images, or one with RUNTIME=native, wasm or spin
	@scripts/images.sh build $(if $(filter command line environment,$(origin RUNTIME)),$(RUNTIME))

.PHONY: scan
scan: cargo-audit ## Look for known vulnerabilities in the images and the SBOMs
	@scripts/scan.sh $(TARGET_DIR)/advisory-db

.PHONY: reproducible
PROGRAMS := hello-native hello-host
reproducible: ## Build everything twice, in other folders, and compare (30 minutes; PROGRAMS=hello-native for 5)
	@scripts/reproducible.sh $(TARGET_DIR)/reproducible $(PROGRAMS)

.PHONY: manifests
manifests: ## Render manifests/ from the chart, and its table of values
	@scripts/manifests.sh manifests
	@scripts/gen-chart-readme.sh chart/README.md

.PHONY: release
release: ## Commit and tag a release, VERSION=1.2.3, and say how it is published (needs helm)
	@scripts/release.sh "$(VERSION)"

.PHONY: cluster cluster-down
cluster: ## Use the cluster of minikube or kind, or start a throwaway one
	@tests/cluster/cluster.sh up

cluster-down: ## Stop the throwaway cluster, and remove what it has left
	@tests/cluster/cluster.sh down

.PHONY: monitoring monitoring-down
monitoring: ## Bring up a Prometheus in the cluster, with the alerts, and link to the dashboard's panels
	@scripts/monitoring.sh up

monitoring-down: ## Remove it
	@scripts/monitoring.sh down

.PHONY: e2e
e2e: build e2e-cases ## Deploy the images on a throwaway cluster, in every way that the docs name, and break them

.PHONY: bench bench-quick
bench: build bench-build ## Run all benchmarks of the images and of other servers, into docs/BENCHMARKS.md (30 minutes, Linux, root)
	@scripts/images.sh build native && scripts/images.sh build wasm
	@bench/peers/install.sh $(TARGET_DIR)/peers
	@bench=$$($(BUILD) release program --quiet --package bench --bins) && "$$bench/bench" full $(TARGET_DIR)/peers

bench-quick: build bench-build ## Measure speed, start, memory and size of dist/, in under a minute
	@bench=$$($(BUILD) release program --quiet --package bench --bins) && "$$bench/bench" quick

.PHONY: first-run
first-run: ## Measure the time from a clone to the first response, and from a change to its response, into docs/BENCHMARKS.md
	@scripts/clone-benchmark.sh docs/BENCHMARKS.md

.PHONY: hostile
hostile: build ## Put hostile input to every runtime, and write what came of it into docs/SECURITY.md
	@UPDATE_TABLE=1 $(CARGO) test --quiet --locked --package tests --test hostile

.PHONY: soak
SOAK_MINUTES ?= 30
soak: build ## Serve over bad connections for half an hour, and write into docs/SECURITY.md what became of it
	@tests/soak/toxiproxy.sh $(TARGET_DIR)/soak
	@SOAK_MINUTES=$(SOAK_MINUTES) PATH="$(realpath $(TARGET_DIR))/soak:$$PATH" \
		$(CARGO) test --quiet --locked --package tests --test soak

.PHONY: instructions
instructions: build ## Update the instruction-count baseline, against which `make test` checks later changes
	UPDATE_BASELINE=1 $(CARGO) test --locked --package tests --test instructions

.PHONY: picture
picture: build ## Make the pictures of README.md anew, by real load (needs prometheus, Chromium and tests/python-tools.sh)
	@$(CARGO) run --quiet --locked --package dashboard-picture
	@SCREENSHOTS=docs pytest-playwright -q -p no:cacheprovider tests/page.py -k switch

.PHONY: rename
rename: ## Give a fork its own name, as NAME=note-book (docs/YOUR-OWN-SERVICE.md)
	@scripts/rename.sh "$(NAME)"

.PHONY: clean
clean: ## Remove what was built
	$(CARGO) clean
	rm -rf dist

# --- behind the commands above ---

.PHONY: hello-native hello-host components bench-build
# Each by itself, as its image is built: together, each would be linked with the features that another needs of a dependency.
hello-native hello-host:
	@programs=$$($(BUILD) release program --package $@) && mkdir -p dist && install "$$programs/$@" dist/

components: component-0.2 component-0.3
# Of WASI 0.2 or 0.3.
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
		echo "$@ is not on PATH; building $@ $(VERSION) into $(TARGET_DIR)/tools, which takes minutes, once" >&2; \
		env --unset CARGO_TARGET_DIR $(CARGO) install --quiet --locked --root $(TARGET_DIR)/tools $@@$(VERSION); }

# Of images alone, but for the last case, which compares them with dist/.
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

# What `make run` starts: else the first test of it would wait for a build.
quick:
	@scripts/build.sh quick component --package hello-wasi-0-2 >/dev/null
	@scripts/build.sh quick component --package hello-wasi-0-3 >/dev/null
	@scripts/build.sh quick program --package hello-native >/dev/null
	@scripts/build.sh quick program --package hello-host >/dev/null

blackbox: build fixtures quick
	$(CARGO) test --locked --package tests
