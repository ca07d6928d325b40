# Three images from one source, each FROM scratch; `make images` builds them all, and labels them with version and revision. Plain
# enough for the classic builder.
#
# What takes long, the dependencies, is compiled in layers of its own, which only another Cargo.toml or Cargo.lock makes anew.

# Everything that goes into an image is built by cargo auditable, which puts a list of dependencies into it: two kilobytes that scanners
# read. Paths are cut short for size, and so that the bytes do not depend on where and when they were made.
FROM rust:1.95-slim-trixie AS rust
RUN cargo install --locked --root /usr/local cargo-auditable@0.7.7
COPY scripts/wasm-target.sh /
RUN /wasm-target.sh
ENV CARGO_TARGET_DIR=/target SOURCE_DATE_EPOCH=0 RUSTFLAGS=--remap-path-prefix=/usr/local/cargo/registry/src/=

# The workspace as its manifests tell it, every crate empty.
FROM rust AS manifests
WORKDIR /manifests
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock -delete \
 && for manifest in */Cargo.toml */*/Cargo.toml */*/*/Cargo.toml; do \
      src="${manifest%Cargo.toml}src"; mkdir -p "$src"; echo 'fn main() {}' >"$src/main.rs"; touch "$src/lib.rs"; \
    done

# The members that no image needs stay empty.
FROM rust AS source
WORKDIR /src
COPY --from=manifests /manifests/bench bench
COPY --from=manifests /manifests/tests tests
COPY . .

# Static, so that nothing else is needed in an image, and with musl, which takes 0.8 MiB less than glibc. What it could cost is its
# allocator, as threads wait for one another in it; the binaries bring mimalloc. Packed relocations are for size, too.
FROM rust AS static
RUN target=$(uname -m)-unknown-linux-musl \
 && if ! command -v musl-gcc; then apt-get update && apt-get install --yes --no-install-recommends musl-tools; fi \
 && if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target" ]; then rustup target add "$target"; fi
ENV RUSTFLAGS="$RUSTFLAGS -C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs"

FROM static AS native-build
COPY --from=manifests /manifests /manifests
RUN cd /manifests && cargo auditable build --locked --profile image --target "$(uname -m)-unknown-linux-musl" --package hello-native \
 && cargo clean --workspace --profile image --target "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY --from=source /src .
ARG HELLO_COMMIT
RUN cargo auditable build --locked --profile image --target "$(uname -m)-unknown-linux-musl" --package hello-native \
 && cp /target/*/image/hello-native /

FROM scratch AS native
LABEL org.opencontainers.image.title="hello-native" \
      org.opencontainers.image.description="A small HTTP service, as a native binary" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=native-build /hello-native /
USER 65532:65532
ENV HELLO_LISTEN=0.0.0.0:8080 HELLO_ADMIN_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
ENTRYPOINT ["/hello-native"]

FROM rust AS components
COPY --from=manifests /manifests /manifests
RUN cd /manifests && cargo auditable build --locked --release --target wasm32-wasip2 --package hello-wasi-0-2 --package hello-wasi-0-3 \
 && cargo clean --workspace --release --target wasm32-wasip2
WORKDIR /src
COPY --from=source /src .
ARG HELLO_COMMIT
RUN cargo auditable build --locked --release --target wasm32-wasip2 --package hello-wasi-0-2 --package hello-wasi-0-3 \
 && cp /target/wasm32-wasip2/release/*.wasm /

# What the Spin shim reads: /spin.toml, and the component where that says.
FROM scratch AS spin
LABEL org.opencontainers.image.title="hello-spin" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component for Spin on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY spin.toml /
COPY --from=components /hello_wasi_0_2.wasm /dist/hello-wasi-0.2.wasm
USER 65532:65532
EXPOSE 8080
# The shim wants a command, and ignores which.
ENTRYPOINT ["/"]

# The host that goes into the image has no compiler. The one that compiles, here, is not optimised itself; what it makes is, and is
# the same on every machine of the architecture.
FROM static AS wasm-build
COPY --from=manifests /manifests /manifests
ENV CARGO_PROFILE_DEV_DEBUG=false
RUN cd /manifests \
 && cargo build --locked --target host-tuple --package hello-host \
 && cargo auditable build --locked --profile image --target "$(uname -m)-unknown-linux-musl" --package hello-host --no-default-features \
 && cargo clean --workspace --target host-tuple && cargo clean --workspace --profile image --target "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY --from=source /src .
COPY --from=components /hello_wasi_0_3.wasm /
RUN cargo run --locked --target host-tuple --package hello-host -- compile /hello_wasi_0_3.wasm -o /hello.cwasm
ARG HELLO_COMMIT
RUN cargo auditable build --locked --profile image --target "$(uname -m)-unknown-linux-musl" --package hello-host --no-default-features \
 && cp /target/*/image/hello-host /

FROM scratch AS wasm
LABEL org.opencontainers.image.title="hello-wasm" \
      org.opencontainers.image.description="A small HTTP service, as a WebAssembly component in its own host" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=wasm-build /hello-host /hello.cwasm /hello.cwasm.sha256 /
USER 65532:65532
ENV HELLO_LISTEN=0.0.0.0:8080 HELLO_ADMIN_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
ENTRYPOINT ["/hello-host", "serve", "--precompiled", "/hello.cwasm"]
