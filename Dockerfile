# Three images from one source, each FROM scratch. `make images` builds them and adds labels with version and revision. The classic builder
# can build this file, too. scripts/build.sh builds the programs, as for dist/ and the benchmarks.
#
# Dependencies need most of the time. They have separate layers, which are rebuilt only after a change of Cargo.toml, Cargo.lock or the
# build scripts.

# cargo auditable adds a list of dependencies to each program, two kilobytes, which scanners read. The version of Rust is that of
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
 && for manifest in */Cargo.toml */*/Cargo.toml */*/*/Cargo.toml */*/*/*/Cargo.toml; do \
      src="${manifest%Cargo.toml}src"; mkdir -p "$src"; echo 'fn main() {}' >"$src/main.rs"; touch "$src/lib.rs"; \
    done

# Members that no image needs remain empty.
FROM rust AS source
WORKDIR /src
COPY --from=manifests /manifests/bench bench
COPY --from=manifests /manifests/tests tests
COPY --from=manifests /manifests/tools tools
COPY . .

# The sources of the host. A change of the handler does not rebuild the host.
FROM rust AS host-source
WORKDIR /src
COPY --from=manifests /manifests .
RUN rm -r hello-host hello-server
COPY hello-host hello-host
COPY hello-server hello-server

# Linker and target of static programs.
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

# The Spin shim reads /spin.toml and the component at the path in that file.
FROM scratch AS spin
LABEL org.opencontainers.image.title="hello-spin" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component for Spin on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY spin.toml /
COPY --from=spin-build /hello_wasi_0_2.wasm /dist/hello-wasi-0.2.wasm
USER 65532:65532
EXPOSE 8080
# The shim needs a command, and ignores it.
ENTRYPOINT ["/"]

FROM rust AS component-build
COPY --from=manifests /manifests /manifests
RUN cd /manifests && scripts/build.sh release component --package hello-wasi-0-3 && cargo clean --workspace --release --target wasm32-wasip2
WORKDIR /src
COPY --from=source /src .
ARG HELLO_COMMIT
RUN cp "$(scripts/build.sh release component --package hello-wasi-0-3)/hello_wasi_0_3.wasm" /

# The host in the image has no compiler. A second host compiles the component; it is built with the quick profile, without the server. Its
# machine code is the same.
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
