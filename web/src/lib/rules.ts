// What the three kinds of rules are made of: their fields, what of an item goes into a form and
// back, and an item in one line of words.
import type { ConfigItem } from "@/api";
import { t, type Key } from "@/i18n";

export const SECTIONS = ["acl", "netconf", "policy"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Field {
  key: string;
  kind: "word" | "list" | "text" | "number" | "days" | "time";
  words?: readonly string[];
  /** What is meant when it is left out; not sent then. */
  usual?: string;
  /** Half the width. */
  half?: boolean;
  required?: boolean;
}

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

export const FIELDS: Record<Section, readonly Field[]> = {
  acl: [
    { key: "action", kind: "word", words: ["deny", "allow", "observe"], required: true },
    { key: "client", kind: "list", half: true },
    { key: "server", kind: "list", half: true },
    { key: "direction", kind: "word", words: ["any", "outbound", "inbound", "internal"], usual: "any", half: true },
    { key: "vlan", kind: "number", half: true },
    { key: "transport", kind: "word", words: ["any", "tcp", "udp", "icmp", "icmpv6", "sctp"], usual: "any", half: true },
    { key: "server_ports", kind: "list", half: true },
    { key: "apps", kind: "list", half: true },
    { key: "categories", kind: "list", half: true },
    { key: "comment", kind: "text" },
  ],
  netconf: [
    { key: "role", kind: "word", words: ["dns", "dhcp", "ntp", "smtp", "ldap", "gateway"], required: true },
    { key: "servers", kind: "list", required: true },
    { key: "clients", kind: "list" },
    { key: "comment", kind: "text" },
  ],
  policy: [
    { key: "class", kind: "word", words: ["group", "restricted", "core", "trusted"], usual: "group" },
    { key: "hosts", kind: "list", required: true },
    { key: "apps_denied", kind: "list", half: true },
    { key: "apps_allowed", kind: "list", half: true },
    { key: "categories_denied", kind: "list", half: true },
    { key: "categories_allowed", kind: "list", half: true },
    { key: "services", kind: "list" },
    { key: "days", kind: "days" },
    { key: "from", kind: "time", half: true },
    { key: "to", kind: "time", half: true },
    { key: "comment", kind: "text" },
  ],
};

export type Form = Record<string, string>;
type Body = ConfigItem["body"];

/** Entries of a list as a person types them: by commas, blanks or lines. */
export const splitList = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean);
/** Names of applications may hold blanks: by commas or lines. */
const splitNames = (text: string): string[] => text.split(/[,;\n]+/).map((s) => s.trim()).filter(Boolean);
const NAMES = /^(apps|categories)/;

export function formOf(section: Section, body: Body): Form {
  return Object.fromEntries(
    FIELDS[section].map(({ key, usual, words, required }) => {
      const value = body[key];
      if (Array.isArray(value)) return [key, value.join(", ")];
      return [key, value === undefined || value === null ? (usual ?? (required && words ? words[0]! : "")) : String(value)];
    }),
  );
}

/** The body of a form: what is empty or as usual is left out. */
export function bodyOf(section: Section, form: Form): Body {
  const body: Record<string, unknown> = {};
  for (const { key, kind, usual } of FIELDS[section]) {
    const text = (form[key] ?? "").trim();
    if (!text || text === usual) continue;
    if (kind === "number") body[key] = Number(text);
    else if (kind === "list" || kind === "days") body[key] = NAMES.test(key) ? splitNames(text) : splitList(text);
    else body[key] = text;
  }
  return body;
}

/** The field of a form that a fault of the centre is about: "body.client[2]" is about "client". */
export const faultyField = (field: string | null): string => (field ?? "").replace(/^body\.?/, "").replace(/\[\d+\]$/, "");

const list = (body: Body, key: string): string[] => (Array.isArray(body[key]) ? (body[key] as string[]) : []);
/** The first few of a list, and how many more there are. */
export function few(entries: readonly string[], most = 3): string {
  if (entries.length <= most) return entries.join(", ");
  return t("rules.more", { some: entries.slice(0, most).join(", "), n: entries.length - most });
}
const word = (key: string, value: unknown): string => t(`rules.word.${key}.${String(value)}` as Key);

function aclText(body: Body): string {
  const ports = list(body, "server_ports");
  const transport = body.transport ? String(body.transport).toUpperCase() : "";
  const what = [...list(body, "apps"), ...list(body, "categories")];
  const parts = [
    list(body, "client").length ? few(list(body, "client")) : t("rules.anyone"),
    "→",
    list(body, "server").length ? few(list(body, "server")) : t("rules.anywhere"),
  ];
  const more = [
    [transport, ports.length ? t("rules.port", { list: few(ports) }) : ""].filter(Boolean).join(" "),
    what.length ? few(what) : "",
    body.direction ? word("direction", body.direction) : "",
    body.vlan ? t("rules.vlan", { n: Number(body.vlan) }) : "",
  ].filter(Boolean);
  return [parts.join(" "), ...more].join(" · ");
}

function netconfText(body: Body): string {
  const clients = list(body, "clients");
  return t("rules.netconf.text", {
    who: clients.length ? few(clients) : t("rules.local"),
    servers: few(list(body, "servers")),
  });
}

function policyText(body: Body): string {
  const part = (key: string) => (list(body, key).length ? t(`rules.says.${key}` as Key, { list: few(list(body, key)) }) : "");
  const days = list(body, "days").map((day) => t(`rules.day.${day}` as Key));
  return [
    few(list(body, "hosts")),
    part("apps_denied"), part("categories_denied"), part("apps_allowed"), part("categories_allowed"), part("services"),
    [days.join(" "), body.from ? `${String(body.from)}–${String(body.to)}` : ""].filter(Boolean).join(" "),
  ].filter(Boolean).join(" · ");
}

/** What an item says, in one line. */
export function ruleText(section: Section, body: Body): string {
  return { acl: aclText, netconf: netconfText, policy: policyText }[section](body);
}

/** The word by which an item is known at a glance: its action, its kind of server, its class. */
export function ruleBadge(section: Section, body: Body): { key: string; label: string } {
  const key = { acl: "action", netconf: "role", policy: "class" }[section];
  const value = String(body[key] ?? "group");
  return { key: value, label: word(key, value) };
}

export function scopeText(scope: string): string {
  const [kind, name] = scope.split(":");
  return name ? t(kind === "site" ? "rules.scope.site" : "rules.scope.instance", { name }) : t("rules.scope.fleet");
}
