# syntax=docker/dockerfile:1
# One image for both roles: `serve` is the control plane, `worker` a worker. The engines we ship lie beside the program.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# The target folder is a cache between builds, so what is wanted of it is copied out in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    rustup target add wasm32-wasip2 \
    && cargo build --locked --release --package agent-factory --bin agent-factory \
    && cargo build --locked --lib --target wasm32-wasip2 --profile guest --package offline --package openai-chat \
    && mkdir -p /out/engines /out/var \
    && cp target/release/agent-factory /out/ \
    && cp target/wasm32-wasip2/guest/offline.wasm /out/engines/offline.wasm \
    && cp target/wasm32-wasip2/guest/openai_chat.wasm /out/engines/openai-chat.wasm

# libc, libgcc and the certificates of public authorities; no shell, no package manager. `nonroot` is 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/agent-factory /usr/local/bin/agent-factory
COPY --from=build /out/engines /usr/local/share/agent-factory/engines
# Where a worker caches components; a control plane writes nothing here.
COPY --from=build --chown=65532:65532 /out/var /var/lib/agent-factory
WORKDIR /var/lib/agent-factory
USER 65532:65532
EXPOSE 8080
# SIGTERM ends both roles in order: requests and turns finish, the rest is given back.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/agent-factory"]
CMD ["serve"]
