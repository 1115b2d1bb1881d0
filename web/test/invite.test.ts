import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { inviteScript } from "../src/lib/invite";

describe("the text that starts an agent", () => {
  const script = inviteScript("lab-1", "berlin", "pkt1.abc.def", "centre.example", true);
  it("is a script that a shell can read", () => {
    expect(spawnSync("sh", ["-n"], { input: script }).status).toBe(0);
  });
  it("keeps the token out of every command line", () => {
    const lines = script.split("\n").filter((line) => line.includes("pkt1."));
    expect(lines).toEqual(["pkt1.abc.def"]);
  });
  it("names the instance, its site and the centre", () => {
    expect(script).toContain("name = lab-1\nsite = berlin\n");
    expect(script).toContain("urls = tls://centre.example:4222");
    expect(inviteScript("lab-1", "berlin", "t", "localhost", false)).toContain("urls = nats://localhost:4222");
  });
});
