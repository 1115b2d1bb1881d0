# The centre's own programs, from its Debian package (deploy/deb/build makes it).
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN groupadd --gid 10100 picket \
 && useradd --uid 10100 --gid picket --no-create-home --home-dir /var/lib/picket/centre picket
COPY build/packages/picket-aggregator_*.deb /tmp/
RUN apt-get -qq update \
 && apt-get -qq -y install --no-install-recommends /tmp/picket-aggregator_*.deb curl \
 && rm -rf /var/lib/apt/lists/* /tmp/*.deb \
 && install -d -m 0700 -o picket -g picket /var/lib/picket/centre /var/lib/picket/nats \
        /var/lib/picket/database
COPY deploy/compose/init.sh /usr/local/bin/picket-init
USER picket
EXPOSE 8443
CMD ["/usr/bin/picket-aggregator", "--config", "/etc/picket/aggregator.conf"]
