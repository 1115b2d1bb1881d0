// Every page of the console: its address and its name in web/src/router.ts, what stands on it when it
// has data, what it says on a fresh centre, what a row opens by the keyboard, which buttons open a
// dialog. `fixed` pages ask the centre nothing, so they have one
// state only; `pushed` ones ask nothing of their own while the live channel stands.

export function pagesOf({ live, device }) {
  return [
    { name: "fleet", route: "fleet", path: "/", data: "tr[data-instance]", empty: /No instance yet[^]*Invite an instance/, row: "tr[data-instance] a", to: /\/instances\//, pushed: true },
    { name: "instance", route: "instance", path: `/instances/${live}`, data: "tr[data-flow]", empty: /No instance has this name[^]*To the fleet/, row: "tr[data-flow] .f-app button", to: "dialog" },
    { name: "assets", route: "assets", path: "/assets", data: "tr[data-asset]", empty: /No asset yet[^]*Invite an instance/, row: "tr[data-asset] .s-name button", to: "dialog" },
    { name: "alerts", route: "alerts", path: "/alerts", data: "tr[data-kind]", empty: /No alert yet[^]*Invite an instance/, row: "tr[data-kind] .a-title button", to: "dialog" },
    { name: "devices", route: "devices", path: "/snmp", data: "tr[data-device] a", empty: /No devices yet[^]*Add/, row: "tr[data-device] a", to: /\/snmp\/./, dialogs: ["[data-test=add-device]"] },
    { name: "device", route: "device", path: `/snmp/${live}/${device ?? 1}`, data: "tr[data-port]", empty: /There is no instance of this name/, row: "tr[data-port] button", to: /if=/ },
    { name: "probes", route: "probes", path: "/probes", data: "tr[data-probe] [data-state=ok]", empty: /No probes yet[^]*Add/, row: "tr[data-probe] .device-name", to: "dialog", dialogs: ["[data-test=add-probe]"] },
    { name: "acl", route: "rules", path: "/policies/acl", data: "tr[data-rule]", empty: /No rules yet[^]*rule/, row: "tr[data-rule] .rule-name", to: "dialog" },
    { name: "network", route: "rules", path: "/policies/network", data: "tr[data-rule]", empty: /No servers are named yet/, row: "tr[data-rule] .rule-name", to: "dialog" },
    { name: "classes", route: "rules", path: "/policies/classes", data: "tr[data-rule]", empty: /No policies yet/, row: "tr[data-rule] .rule-name", to: "dialog" },
    { name: "reports", route: "reports", path: "/reports", data: "tr[data-state=done]", empty: /No report yet[^]*New report/, dialogs: ["[data-test=new-report]"] },
    { name: "drops", route: "drops", path: "/drops", data: "tr[data-hop=kernel] .h-rate", empty: /Nothing to count yet[^]*Invite an instance/ },
    { name: "settings", route: "settings", path: "/settings", data: "[data-recipient] + tr, [data-recipient]", empty: /Nobody is told/, dialogs: ["[data-test=new-recipient]", "[data-test=mail-server]"] },
    { name: "missing", route: "missing", path: "/no/such/page", data: ".empty a", fixed: true },
  ];
}

const SCREENS = { wide: { width: 1440, height: 900 }, narrow: { width: 390, height: 844, hasTouch: true } };

/** Options of a browser page: "light" or "dark" on a "wide" or a "narrow" screen. */
export function looks(colorScheme, screen) {
  const { width, height, hasTouch = false } = SCREENS[screen];
  return { viewport: { width, height }, colorScheme, hasTouch };
}

export const LOOKS = [["light", "wide"], ["dark", "narrow"], ["dark", "wide"], ["light", "narrow"]];
