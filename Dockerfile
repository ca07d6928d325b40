# Three images from one source, each FROM scratch; `make images` builds them all, and labels them with version and revision. Plain
# enough for the classic builder. Programs are built by scripts/build.sh, as those in dist/ and in the benchmarks are.
#
# Dependencies take the longest. They are compiled in layers of their own, which only another Cargo.toml, Cargo.lock or build script
# rebuilds.

# cargo auditable puts a list of dependencies into each program, which scanners read: two kilobytes. Rust's version is that of
# Cargo.toml; a test compares them.
FROM rust:1.95-slim-trixie AS rust
RUN cargo install --locked --root /usr/local cargo-auditable@0.7.7
COPY scripts/wasm-target.sh /
RUN /wasm-target.sh
ENV CARGO_TARGET_DIR=/target CARGO="cargo auditable"

# The workspace with every crate empty.
FROM rust AS manifests
WORKDIR /manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path './scripts/*' -delete \
 && for manifest in */Cargo.toml */*/Cargo.toml */*/*/Cargo.toml; do \
      src="${manifest%Cargo.toml}src"; mkdir -p "$src"; echo 'fn main() {}' >"$src/main.rs"; touch "$src/lib.rs"; \
    done

# The members that no image needs stay empty.
FROM rust AS source
WORKDIR /src
COPY --from=manifests /manifests/bench bench
COPY --from=manifests /manifests/tests tests
COPY . .

# The sources of the host. A change of the handler does not rebuild it.
FROM rust AS host-source
WORKDIR /src
COPY --from=manifests /manifests .
RUN rm -r hello-host hello-server
COPY hello-host hello-host
COPY hello-server hello-server

# What a static program is linked with.
FROM rust AS static
RUN target=$(uname -m)-unknown-linux-musl \
 && if ! command -v musl-gcc; then apt-get update && apt-get install --yes --no-install-recommends musl-tools; fi \
 && if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then rustup target add "$target"; fi

FROM static AS native-build
COPY --from=manifests /manifests /manifests
RUN cd /manifests && scripts/build.sh release program --package hello-native \
 && cargo clean --workspace --release --target "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY --from=source /src .
ARG HELLO_COMMIT
RUN cp "$(scripts/build.sh release program --package hello-native)/hello-native" /

FROM scratch AS native
LABEL org.opencontainers.image.title="hello-native" \
      org.opencontainers.image.description="A small HTTP service, as a native binary" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=native-build /hello-native /
USER 65532:65532
ENV HELLO_LISTEN=[::]:8080 HELLO_ADMIN_LISTEN=[::]:9090
EXPOSE 8080 9090
ENTRYPOINT ["/hello-native"]

FROM rust AS spin-build
COPY --from=manifests /manifests /manifests
RUN cd /manifests && scripts/build.sh release component --package hello-wasi-0-2 && cargo clean --workspace --release --target wasm32-wasip2
WORKDIR /src
COPY --from=source /src .
ARG HELLO_COMMIT
RUN cp "$(scripts/build.sh release component --package hello-wasi-0-2)/hello_wasi_0_2.wasm" /

# What the Spin shim reads: /spin.toml, and the component where that file says.
FROM scratch AS spin
LABEL org.opencontainers.image.title="hello-spin" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component for Spin on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY spin.toml /
COPY --from=spin-build /hello_wasi_0_2.wasm /dist/hello-wasi-0.2.wasm
USER 65532:65532
EXPOSE 8080
# The shim needs a command, and ignores which.
ENTRYPOINT ["/"]

FROM rust AS component-build
COPY --from=manifests /manifests /manifests
RUN cd /manifests && scripts/build.sh release component --package hello-wasi-0-3 && cargo clean --workspace --release --target wasm32-wasip2
WORKDIR /src
COPY --from=source /src .
ARG HELLO_COMMIT
RUN cp "$(scripts/build.sh release component --package hello-wasi-0-3)/hello_wasi_0_3.wasm" /

# The host in the image has no compiler. The one that compiles the component is built by the quick profile and cannot serve: the machine
# code is the same.
FROM rust AS compiler-build
ENV CARGO=cargo
COPY --from=manifests /manifests /manifests
RUN cd /manifests && scripts/build.sh quick program --package hello-host --no-default-features --features compiler \
 && cargo clean --workspace --profile quick
WORKDIR /src
COPY --from=host-source /src .
RUN cp "$(scripts/build.sh quick program --package hello-host --no-default-features --features compiler)/hello-host" /
COPY --from=component-build /hello_wasi_0_3.wasm /
RUN /hello-host compile /hello_wasi_0_3.wasm -o /hello.cwasm

FROM static AS wasm-build
COPY --from=manifests /manifests /manifests
RUN cd /manifests && scripts/build.sh release program --package hello-host --no-default-features --features server \
 && cargo clean --workspace --release --target "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY --from=host-source /src .
RUN cp "$(scripts/build.sh release program --package hello-host --no-default-features --features server)/hello-host" /

FROM scratch AS wasm
LABEL org.opencontainers.image.title="hello-wasm" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component in its own host" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=compiler-build /hello.cwasm /hello.cwasm.sha256 /
COPY --from=wasm-build /hello-host /
USER 65532:65532
ARG HELLO_COMMIT=unknown
ENV HELLO_LISTEN=[::]:8080 HELLO_ADMIN_LISTEN=[::]:9090 HELLO_COMMIT=$HELLO_COMMIT
EXPOSE 8080 9090
ENTRYPOINT ["/hello-host", "serve", "--precompiled", "/hello.cwasm"]
