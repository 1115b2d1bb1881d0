# PostgreSQL of a Picket centre; certificate and password come in the volume that centre.yml mounts.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN groupadd --gid 10100 picket \
 && useradd --uid 10100 --gid picket --no-create-home --home-dir /var/lib/postgresql picket
# No cluster of Debian's own: ours is made in the volume at the first start.
RUN install -d /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get -qq update \
 && apt-get -qq -y install --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -m 0700 -o picket -g picket /var/lib/picket/postgres /var/lib/picket/database
COPY deploy/compose/postgres.sh /usr/local/bin/picket-postgres
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
USER picket
EXPOSE 5432
STOPSIGNAL SIGINT
CMD ["picket-postgres"]
