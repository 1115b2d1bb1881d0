// Rows for tests, whole by the contract; each test names only what it is about.
import type { Alert, FlowRow, Instance } from "../src/api";

export function makeInstance(patch: Partial<Instance> = {}): Instance {
  return {
    id: 1, name: "a", title: "", site: "s", state: "up", reasons: [], cause: null, state_since_ms: 0,
    outage_ms: null, last_seen_ms: 0, answering: true, version: "1", uptime_s: 1, throughput_bps: 0,
    packets_pps: 0, hosts: 0, flows: 0, alerts_engaged: 0, flow_alerts: 0, drops: 0,
    drops_by: { kernel: 0, ring: 0, table: 0, queue: 0, spool: 0, client: 0, half_open: 0, early: 0 }, spool_bytes: 0,
    spool_age_s: 0, memory_bytes: 0, cpu_ratio: 0, spark_bps: [],
    config: { state: "none", wanted: null, in_force: null, reason: null }, ...patch,
  };
}

export function makeAlert(patch: Partial<Alert> = {}): Alert {
  return {
    id: "1", kind: 1, name: "k", title: "K", family: "f", severity: "error", score: 1, instance: "a",
    site: "s", entity: "flow", entity_id: "1", state: "event", first_ms: 0, last_ms: 0, released_ms: null, arrived_ms: null,
    count: 1, mitre: { technique: null, tactic: null }, client: null, server: null, protocol: null,
    app: null, host: null, detail: "", meaning: "", remedy: "", ...patch,
  };
}

export function makeFlow(patch: Partial<FlowRow> = {}): FlowRow {
  return {
    flow_id: "1", first_ms: 0, last_ms: 0, client: "192.0.2.1", client_port: 1, server: "192.0.2.2",
    server_port: 2, transport: "tcp", protocol: "TLS", app: "TLS", status: "active", bytes: 0,
    bytes_c2s: 0, bytes_s2c: 0, packets: 0, packets_c2s: 0, packets_s2c: 0, ...patch,
  };
}
