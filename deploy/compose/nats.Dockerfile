# nats-server of a Picket centre; its keys come in the volume that centre.yml mounts.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get -qq update \
 && apt-get -qq -y install --no-install-recommends nats-server \
 && rm -rf /var/lib/apt/lists/*
# One user for all of the centre, so that what one container writes into a volume another can read.
RUN groupadd --gid 10100 picket \
 && useradd --uid 10100 --gid picket --no-create-home --home-dir /var/lib/picket/nats picket \
 && install -d -m 0700 -o picket -g picket /var/lib/picket/nats
COPY deploy/compose/nats.conf /etc/picket/nats.conf
USER picket
EXPOSE 4222
CMD ["/usr/sbin/nats-server", "-c", "/etc/picket/nats.conf"]
