# Every command that the README names. `make` alone lists them.

# native, wasm (the WASI 0.3 component), wasm-p2 (the WASI 0.2 component) or spin
RUNTIME ?= wasm

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CARGO := cargo
# What is missing of the tools of cargo is built into there, after a word about it.
export PATH := $(PATH):$(abspath $(TARGET_DIR))/tools/bin
WASM := --target wasm32-wasip2 --locked --release
# Programs, for this machine, by the profile of what runs when they serve.
HOST := $(shell rustc --print host-tuple)
NATIVE := --target $(HOST) --locked --release
PROGRAMS := hello-native hello-host
# The same source makes the same bytes in any folder: no path of this machine gets into messages of panics, and with such flags cargo
# leaves all flags, and so the path of the profile, out of its hashes.
CARGO_HOME_DIR := $(or $(CARGO_HOME),$(HOME)/.cargo)
FLAGS := $(RUSTFLAGS) --remap-path-prefix=$(CARGO_HOME_DIR)/registry/src/= --remap-path-prefix=$(abspath $(TARGET_DIR))/=
WITH_PROFILE = RUSTFLAGS="$(FLAGS) $$(scripts/profile.sh flags $(TARGET_DIR))"
# Nor does the time: mimalloc, in C, has it in a message.
export SOURCE_DATE_EPOCH := 0
BUILD_WASM = RUSTFLAGS="$(FLAGS)" $(CARGO) build $(WASM)

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: run-$(RUNTIME) ## Serve on 127.0.0.1:8080; RUNTIME=native, wasm, wasm-p2 or spin

.PHONY: doctor
doctor: ## Say what is missing, here and in the cluster, what is wrong with a deployment, and what mends it
	@scripts/doctor.sh $(NAMESPACE)

.PHONY: build
build: $(PROGRAMS) components ## Build dist/: both binaries and both components

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
images: ## Build the images hello-native, hello-wasm and hello-spin
	@scripts/images.sh build

.PHONY: scan
scan: cargo-audit ## Look for known vulnerabilities in the images and the SBOMs
	@scripts/scan.sh $(TARGET_DIR)/advisory-db

.PHONY: reproducible
reproducible: ## Build everything twice, in other folders, and compare (30 minutes; PROGRAMS=hello-native for 5)
	@scripts/reproducible.sh $(TARGET_DIR)/reproducible $(PROGRAMS)

.PHONY: manifests
manifests: ## Render manifests/ from the chart, and its table of values
	@scripts/manifests.sh manifests
	@scripts/chart-readme.sh chart/README.md

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
e2e: build ## Deploy the images on a throwaway cluster, in every way that the docs name, and break them
	@tests/cluster/base-image.sh
	@scripts/images.sh build
	@$(CARGO) test --locked --package tests --test e2e --no-run
	@tests/cluster/cluster.sh run $(CARGO) test --locked --package tests --test e2e

.PHONY: bench bench-quick
bench: build bench-build ## Measure ours and peers for half an hour, into docs/BENCHMARKS.md (Linux, root)
	@bench/peers/install.sh $(TARGET_DIR)/peers
	@$(TARGET_DIR)/$(HOST)/release/bench full $(TARGET_DIR)/peers

bench-quick: build bench-build ## Measure speed, start, memory and size, in under a minute
	@$(TARGET_DIR)/$(HOST)/release/bench quick

.PHONY: first-answer
first-answer: ## Measure from a clone to the first answer, native and wasm, into docs/BENCHMARKS.md (12 minutes)
	@scripts/first-answer.sh docs/BENCHMARKS.md

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
instructions: build ## Write anew what a request costs in instructions, which `make test` holds later changes to
	UPDATE_BASELINE=1 $(CARGO) test --locked --package tests --test instructions

.PHONY: picture
picture: build ## Make the pictures of README.md anew, by real load (needs prometheus, Chromium and tests/python-tools.sh)
	@$(CARGO) run --quiet --locked --package tests --bin picture
	@SCREENSHOTS=docs pytest-playwright -q -p no:cacheprovider tests/page.py -k switch

.PHONY: profile
profile: components ## Write anew what the compiler knows of a request, after a change of dependencies (20 minutes)
	@scripts/profile.sh make

.PHONY: rename
rename: ## Give a fork its own name, as NAME=note-book (docs/YOUR-OWN-SERVICE.md)
	@scripts/rename.sh "$(NAME)"

.PHONY: clean
clean: ## Remove what was built
	$(CARGO) clean
	rm -rf dist

# --- behind the commands above ---

.PHONY: $(PROGRAMS) components target bench-build
# Each by itself, so that neither has what only the other wants of a dependency.
$(PROGRAMS):
	@$(WITH_PROFILE) $(CARGO) build $(NATIVE) --package $@
	@mkdir -p dist
	@install $(TARGET_DIR)/$(HOST)/release/$@ dist/

components: target
	@$(BUILD_WASM) --package hello-wasi-0-2 --package hello-wasi-0-3
	@mkdir -p dist
	@install $(TARGET_DIR)/wasm32-wasip2/release/hello_wasi_0_2.wasm dist/hello-wasi-0.2.wasm
	@install $(TARGET_DIR)/wasm32-wasip2/release/hello_wasi_0_3.wasm dist/hello-wasi-0.3.wasm

target:
	@scripts/wasm-target.sh $(TARGET_DIR)

bench-build: target
	@$(WITH_PROFILE) $(CARGO) build --quiet $(NATIVE) --package bench --bins
	@$(BUILD_WASM) --quiet --package bench-variables --package bench-work
	@mkdir -p $(TARGET_DIR)/peers
	@install $(TARGET_DIR)/wasm32-wasip2/release/bench_variables.wasm $(TARGET_DIR)/peers/variables.wasm
	@install $(TARGET_DIR)/wasm32-wasip2/release/bench_work.wasm $(TARGET_DIR)/peers/work.wasm

.PHONY: cargo-deny cargo-audit
cargo-deny: VERSION = 0.20.2
cargo-audit: VERSION = 0.22.2
cargo-deny cargo-audit:
	@command -v $@ >/dev/null || { \
		echo "$@ is not on PATH; building $@ $(VERSION) into $(TARGET_DIR)/tools, which takes minutes, once" >&2; \
		env --unset CARGO_TARGET_DIR $(CARGO) install --quiet --locked --root $(TARGET_DIR)/tools $@@$(VERSION); }

.PHONY: run-native run-wasm run-wasm-p2 run-spin
# HELLO_COMMIT is for builds, and no setting of a program.
run-native: hello-native
	@unset HELLO_COMMIT; exec dist/hello-native

run-wasm: build
	@unset HELLO_COMMIT; exec dist/hello-host serve dist/hello-wasi-0.3.wasm

run-wasm-p2: build
	@unset HELLO_COMMIT; exec dist/hello-host serve dist/hello-wasi-0.2.wasm

run-spin:
	@command -v spin >/dev/null || { echo "RUNTIME=spin needs the program spin, which is not on PATH; https://spinframework.dev/install has it" >&2; exit 1; }
	@exec spin up --build --listen 127.0.0.1:8080

run-%:
	@echo "RUNTIME=$* is not known; use native, wasm, wasm-p2 or spin" >&2; exit 64

.PHONY: lint unit blackbox fixtures
lint: target
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --release --all-targets -- --deny warnings
	$(CARGO) clippy $(WASM) --package hello-wasi-0-2 --package hello-wasi-0-3 --package guest-p2 --package guest-p3 --package bench-variables --package bench-work -- --deny warnings

unit:
	$(CARGO) test --locked --package hello --package hello-server --package hello-wasm-allocator

fixtures: target
	@$(BUILD_WASM) --package guest-p2 --package guest-p3 --package guest-command
	@mkdir -p dist
	@install $(addprefix $(TARGET_DIR)/wasm32-wasip2/release/,guest_p2.wasm guest_p3.wasm guest-command.wasm) dist/

blackbox: build fixtures
	$(CARGO) test --locked --package tests
