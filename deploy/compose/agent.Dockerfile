# An agent, from its Debian package (deploy/deb/build makes it).
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN groupadd --gid 10101 picket-agent \
 && useradd --uid 10101 --gid picket-agent --no-create-home --home-dir /var/lib/picket/agent \
        picket-agent
COPY build/packages/picket-agent_*.deb /tmp/
# The right to open packet sockets goes to a plain user by way of the file. no_new_privs would take
# it away, so agent.yml does not set it; engine and control set it for themselves.
RUN apt-get -qq update \
 && apt-get -qq -y install --no-install-recommends /tmp/picket-agent_*.deb ca-certificates \
        ieee-data libcap2-bin \
 && setcap cap_net_raw+ep /usr/bin/picket-agent \
 && apt-get -qq -y purge libcap2-bin \
 && rm -rf /var/lib/apt/lists/* /tmp/*.deb
USER picket-agent
CMD ["/usr/bin/picket-agent", "--config", "/etc/picket/agent.conf", "--alive-file", "/run/picket/alive"]
