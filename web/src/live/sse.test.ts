import { describe, expect, it } from "vitest";
import { EventStreamParser } from "./sse";

const change = { event: "change", data: '{"topic":"site"}', id: "7" };
const text = 'id: 7\nevent: change\ndata: {"topic":"site"}\n\n';

describe("an event stream", () => {
  it("gives the same event however the bytes are cut", () => {
    for (let cut = 0; cut <= text.length; cut++) {
      const parser = new EventStreamParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual([change]);
    }
  });

  it("understands every line ending", () => {
    for (const ending of ["\n", "\r\n", "\r"]) {
      const parser = new EventStreamParser();
      const events = parser.push(`${text.replaceAll("\n", ending)}: end${ending}`);
      expect(events).toEqual([change]);
    }
  });

  it("leaves out comments and events without data", () => {
    expect(new EventStreamParser().push(": beat\n\nevent: change\n\n")).toEqual([]);
  });

  it("joins data lines and keeps the last id", () => {
    const parser = new EventStreamParser();
    expect(parser.push("id: 3\ndata: a\ndata:b\n\ndata\n\n")).toEqual([
      { event: "message", data: "a\nb", id: "3" },
      { event: "message", data: "", id: "3" },
    ]);
  });
});
