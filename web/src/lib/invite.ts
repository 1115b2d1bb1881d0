// The text that a person runs to bring an invited agent to life. Both values are of our own forms
// (a name by pattern, a token of base64url and dots), so nothing needs quoting; the token goes
// through a here-document and a file, never through a command line. Behind TLS the token carries
// the centre's authority, so that no further file is needed.
export function inviteScript(name: string, site: string, token: string, host: string, secure: boolean): string {
  return `install -d -m 0755 /etc/picket
install -m 0640 -g picket-agent /dev/stdin /etc/picket/token <<'TOKEN'
${token}
TOKEN
cat > /etc/picket/agent.conf <<'CONF'
name = ${name}
site = ${site}
token_file = /etc/picket/token

[nats]
urls = ${secure ? "tls" : "nats"}://${host}:4222

[capture]
sources = any

[spool]
dir = /var/lib/picket/agent
CONF
systemctl enable --now picket-agent`;
}
