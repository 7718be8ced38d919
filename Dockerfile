# The programs on Debian 12. The image runs the daemon; the worker and the CLI
# are there as well:
#
#   docker build -t w2t .
#   docker run -p 7420:7420 -v w2t:/var/lib/w2t w2t
#   docker run --entrypoint w2t-worker w2t --server HOST:7420
FROM debian:12 AS build
WORKDIR /src
COPY deploy/install-packages deploy/install-packages
RUN deploy/install-packages
COPY . .
RUN cmake --workflow --preset release \
 && cmake --install build/release --prefix /opt/w2t --strip \
 && rm -rf /opt/w2t/include /opt/w2t/lib

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libc-ares2 libcurl4 libfmt9 libre2-9 libspdlog1.10 libsqlite3-0 \
      libssl3 libsystemd0 libyaml-cpp0.7 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 7420 --create-home --home-dir /var/lib/w2t w2t
COPY --from=build /opt/w2t/ /usr/local/
USER w2t
WORKDIR /var/lib/w2t
VOLUME /var/lib/w2t
EXPOSE 7420
ENTRYPOINT ["w2td"]
CMD ["--listen", "0.0.0.0:7420", "--data", "/var/lib/w2t/data"]
