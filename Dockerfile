# Three images from one source, each FROM scratch:
#
#   docker build --target native -t hello-native:0.1.0 .
#   docker build --target wasm   -t hello-wasm:0.1.0   .
#   docker build --target spin   -t hello-spin:0.1.0   .
#
# Plain enough for the classic builder.

FROM rust:1.95-slim-bookworm AS source
WORKDIR /src
COPY . .
ARG HELLO_COMMIT=unknown
ENV HELLO_COMMIT=$HELLO_COMMIT

FROM source AS native-build
# Static, so that nothing else is needed in the image. glibc's own allocator takes locks that threads wait for; the binaries bring
# mimalloc, which costs nothing when linked statically.
RUN target="$(uname -m)-unknown-linux-gnu" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --target "$target" --package hello-native \
 && cp "target/$target/release/hello-native" /hello-native

FROM source AS components
RUN make components

FROM components AS wasm-build
# The host that serves has no compiler; the one that compiles is built without optimisation over crates, as it runs only here.
RUN target="$(uname -m)-unknown-linux-gnu" \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --target "$target" --package hello-host \
      --no-default-features \
 && cp "target/$target/release/hello-host" /hello-host
RUN CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo run --locked --release --package hello-host -- \
      compile dist/hello-wasi-0.3.wasm -o /hello.cwasm

FROM scratch AS native
LABEL org.opencontainers.image.title="hello-native" \
      org.opencontainers.image.description="A small HTTP service, as a native binary" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=native-build /hello-native /hello-native
USER 65532:65532
ENV HELLO_LISTEN=0.0.0.0:8080 HELLO_ADMIN_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
ENTRYPOINT ["/hello-native"]

FROM scratch AS wasm
LABEL org.opencontainers.image.title="hello-wasm" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component in its own host" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=wasm-build /hello-host /hello.cwasm /hello.cwasm.sha256 /
USER 65532:65532
ENV HELLO_LISTEN=0.0.0.0:8080 HELLO_ADMIN_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
ENTRYPOINT ["/hello-host", "serve", "--precompiled", "/hello.cwasm"]

# What the Spin shim reads: /spin.toml, and the component where that says.
FROM scratch AS spin
LABEL org.opencontainers.image.title="hello-spin" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component for Spin on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY spin.toml /spin.toml
COPY --from=components /src/dist/hello-wasi-0.2.wasm /dist/hello-wasi-0.2.wasm
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/"]
