import { describe, expect, it } from "vitest";
import * as f from "../src/lib/format";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("format", () => {
  it("writes rates with the unit that keeps the number small", () => {
    expect(plain(f.bitRate(0))).toBe("0 bit/s");
    expect(plain(f.bitRate(999))).toBe("999 bit/s");
    expect(plain(f.bitRate(1000))).toBe("1 kbit/s");
    expect(plain(f.bitRate(12_345_678))).toBe("12.3 Mbit/s");
    expect(plain(f.bitRate(4.56e9))).toBe("4.56 Gbit/s");
    expect(plain(f.packetRate(1_200))).toBe("1.2 kpkt/s");
  });
  it("does not write 1,000 of a unit when the next one is there", () => {
    expect(plain(f.bytes(999_900))).toBe("1 MB");
    expect(plain(f.bytes(999_499))).toBe("999 kB");
  });
  it("writes a dash for what is not known, never a zero", () => {
    for (const write of [f.bitRate, f.bytes, f.count, f.countShort, f.percent, f.duration, f.outage, f.dateTime, f.tcpFlags]) {
      expect(write(null)).toBe(f.UNKNOWN);
    }
    expect(f.bitRate(Number.NaN)).toBe(f.UNKNOWN);
  });
  it("shortens counts only from ten thousand on", () => {
    expect(f.countShort(9_999)).toBe("9,999");
    expect(plain(f.countShort(12_345))).toBe("12.3 k");
  });
  it("writes spans in their two greatest units", () => {
    expect(plain(f.duration(0))).toBe("0 s");
    expect(plain(f.duration(-5000))).toBe("0 s");
    expect(plain(f.duration(14_900))).toBe("14 s");
    expect(plain(f.duration(185_000))).toBe("3 min 5 s");
    expect(plain(f.duration(7_200_000))).toBe("2 h");
    expect(plain(f.duration(2 * 86_400_000 + 4 * 3_600_000))).toBe("2 d 4 h");
  });
  it("gives a short outage its tenth", () => {
    expect(plain(f.outage(4_260))).toBe("4.3 s");
    expect(plain(f.outage(14_200))).toBe("14 s");
  });
  it("writes an age in one unit, and now below two seconds", () => {
    expect(f.ago(null, 0)).toBe("never");
    expect(f.ago(10_000, 11_900)).toBe("now");
    expect(f.ago(12_000, 11_000)).toBe("now");
    expect(plain(f.ago(10_000, 24_000))).toBe("14 s ago");
    expect(plain(f.ago(0, 3_700_000))).toBe("1 h ago");
  });
  it("brackets IPv6 before a port and leaves a port of 0 out", () => {
    expect(f.endpoint("192.0.2.1", 443)).toBe("192.0.2.1:443");
    expect(f.endpoint("2001:db8::1", 53)).toBe("[2001:db8::1]:53");
    expect(f.endpoint("2001:db8::1", 0)).toBe("2001:db8::1");
  });
  it("names TCP flags from the low bit up", () => {
    expect(f.tcpFlags(0x12)).toBe("SYN ACK");
    expect(f.tcpFlags(0)).toBe(f.UNKNOWN);
  });
  it("writes shares without false precision", () => {
    expect(plain(f.percent(0.0439))).toBe("4.4 %");
    expect(plain(f.percent(0.44))).toBe("44 %");
    expect(plain(f.percent(0))).toBe("0 %");
  });
});
