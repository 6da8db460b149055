# The images with magicpak, one target for each: debian, cc, rust, haskell and alpine. docs/images.md says what they
# contain and how to build them. First build the executables in dist/: `PYTHONPATH=src python3 -m standalone dist`.
ARG DEBIAN=debian:bookworm-slim
ARG RUST=rust:1-bookworm
ARG HASKELL=haskell:9
ARG ALPINE=alpine:3

FROM ${DEBIAN} AS executable
COPY dist/magicpak-*-linux-musl /dist/
RUN cp "/dist/magicpak-$(uname -m)-linux-musl" /magicpak && chmod 755 /magicpak

FROM ${DEBIAN} AS debian
COPY images/add-packages /tmp/
RUN /tmp/add-packages busybox-static upx-ucl && rm /tmp/add-packages
COPY --from=executable /magicpak /magicpak
RUN ln -s /magicpak /usr/local/bin/magicpak
ARG VERSION
LABEL org.opencontainers.image.title="magicpak/debian" \
    org.opencontainers.image.description="magicpak on Debian: bundles an executable for images FROM scratch" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"

FROM debian AS cc
COPY images/add-packages /tmp/
RUN /tmp/add-packages build-essential clang && rm /tmp/add-packages
LABEL org.opencontainers.image.title="magicpak/cc" \
    org.opencontainers.image.description="magicpak, build-essential and clang on Debian"

FROM ${RUST} AS rust
COPY images/add-packages /tmp/
RUN /tmp/add-packages busybox-static upx-ucl && rm /tmp/add-packages
COPY --from=executable /magicpak /magicpak
RUN ln -s /magicpak /usr/local/bin/magicpak
ARG VERSION
LABEL org.opencontainers.image.title="magicpak/rust" \
    org.opencontainers.image.description="magicpak with Rust: bundles an executable for images FROM scratch" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"

FROM ${HASKELL} AS haskell
COPY images/add-packages /tmp/
RUN /tmp/add-packages busybox-static upx-ucl && rm /tmp/add-packages
COPY --from=executable /magicpak /magicpak
RUN ln -s /magicpak /usr/local/bin/magicpak
ARG VERSION
LABEL org.opencontainers.image.title="magicpak/haskell" \
    org.opencontainers.image.description="magicpak with Haskell: bundles an executable for images FROM scratch" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"

# Alpine's own busybox is not static: it would not run in a bundle without musl.
FROM ${ALPINE} AS alpine
RUN apk add --no-cache busybox-static upx && ln -s /bin/busybox.static /usr/local/bin/busybox
COPY --from=executable /magicpak /magicpak
RUN ln -s /magicpak /usr/local/bin/magicpak
ARG VERSION
LABEL org.opencontainers.image.title="magicpak/alpine" \
    org.opencontainers.image.description="magicpak on Alpine: bundles an executable for images FROM scratch" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
