# SPDX-License-Identifier: Apache-2.0
# The image is the static binary and its licences: no shell, no libraries, nothing to patch.
# Built by the same scripts as at a desk; 'scripts/image --prove' builds it without an engine or a registry.
FROM debian:bookworm-slim AS build
WORKDIR /sonde
# Alone in a layer: a change of the source does not install everything anew.
COPY scripts/setup scripts/fetch scripts/
COPY scripts/lib scripts/lib
RUN scripts/setup --build-only
COPY . .
RUN cmake --preset release -DSONDE_TESTS=OFF \
 && cmake --build build/release --target sonde \
 && strip build/release/sonde

FROM scratch
COPY --from=build /sonde/build/release/sonde /usr/bin/sonde
COPY --from=build /sonde/LICENSE /sonde/LICENSES /usr/share/doc/sonde/
ENTRYPOINT ["/usr/bin/sonde"]
CMD ["run"]
