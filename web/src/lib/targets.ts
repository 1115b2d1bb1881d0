// Forms of devices and probes: an item of the configuration as fields, and back as what is sent.
// A secret is never shown: an empty field keeps the one that is set.
import type { ConfigItem, NewConfigItem } from "@/api";

export type Form = Record<string, string | number | boolean>;

const SCALARS = ["string", "number", "boolean"];

/** The defaults, with what the item has put over them. */
export function formOf<F extends Form>(defaults: F, item: ConfigItem | null): F {
  const form: Form = { ...defaults };
  for (const [key, value] of Object.entries(item?.body ?? {})) {
    if (key in form && SCALARS.includes(typeof value)) form[key] = value as string | number | boolean;
  }
  return form as F;
}

/** The body of these members; empty texts are left out, and so is a secret that is kept. */
export function bodyOf(form: Form, members: readonly string[]): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const key of members) {
    const value = form[key];
    if (value !== undefined && value !== "") body[key] = typeof value === "string" ? value.trim() : value;
  }
  return body;
}

/** Which members an SNMP version has. */
export function snmpMembers(form: { version: string; auth: string; privacy: string }): string[] {
  const always = ["host", "port", "version", "interval_s", "timeout_ms", "retries"];
  if (form.version !== "3") return [...always, "community"];
  return [
    ...always, "user", "auth", "privacy", "context",
    ...(form.auth === "none" ? [] : ["auth_key"]),
    ...(form.auth === "none" || form.privacy === "none" ? [] : ["privacy_key"]),
  ];
}

/** Which members a kind of probe has. */
export function probeMembers(kind: string): string[] {
  const always = ["kind", "interval_s", "timeout_ms", "rtt_ms"];
  if (kind === "http") return [...always, "url", "status_min", "status_max", "expect_text", "verify", "warn_days"];
  return [...always, "host", ...(kind === "tcp" ? ["port"] : ["count"])];
}

export interface Head {
  name: string;
  scope: string;
  enabled: boolean;
}
export const headOf = (item: ConfigItem | null): Head => ({
  name: item?.name ?? "", scope: item?.scope ?? "fleet", enabled: item?.enabled ?? true,
});

export const newItem = (head: Head, body: Record<string, unknown>): NewConfigItem =>
  ({ ...head, name: head.name.trim(), body }) as NewConfigItem;
