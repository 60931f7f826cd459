/**
 * Reads a `text/event-stream` (WHATWG HTML, 9.2) piece by piece. Knows nothing of networks: bytes
 * in, events out.
 */

export interface ServerEvent {
  event: string;
  data: string;
  /** The id to resume from; the last one seen when the event itself has none. */
  id: string;
}

export class EventStreamParser {
  private buffer = "";
  private event = "";
  private data: string[] = [];
  private lastId = "";

  /** Feeds decoded text; returns the events that became complete. */
  push(text: string): ServerEvent[] {
    this.buffer += text;
    const events: ServerEvent[] = [];
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.buffer);
      if (!end) return events;
      const line = this.buffer.slice(0, end.index);
      this.buffer = this.buffer.slice(end.index + end[0].length);
      const event = this.line(line);
      if (event) events.push(event);
    }
  }

  private line(line: string): ServerEvent | undefined {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    return undefined;
  }

  private dispatch(): ServerEvent | undefined {
    const complete =
      this.data.length > 0
        ? { event: this.event || "message", data: this.data.join("\n"), id: this.lastId }
        : undefined;
    this.event = "";
    this.data = [];
    return complete;
  }
}
