// The live channel: one WebSocket, many topics. Gives each topic a snapshot and then numbered
// deltas; after a break it reconnects with back-off and resumes from the last number. Knows no
// page and no Vue, so that it can be tested with a socket of the test's own making.
import type { LiveFrame } from "./types";

export type LiveStatus = "connecting" | "open" | "down";
export type FrameHandler = (frame: LiveFrame) => void;

export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

interface Topic {
  handlers: Set<FrameHandler>;
  /** Number of the last frame; null until a snapshot came. */
  last: number | null;
}

export interface LiveOptions {
  open: () => Socket;
  onStatus: (status: LiveStatus) => void;
  /** The server closed because the session ended. */
  onUnauthenticated: () => void;
  random?: () => number;
}

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 15_000;
const SILENCE_MS = 12_000; // the server says something at least every 5 s
const CLOSE_UNAUTHENTICATED = 4401;

/** Waiting time before attempt n (from 0): doubling, with jitter, so that a centre that returns is not stormed. */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** attempt);
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

export class Live {
  private socket: Socket | null = null;
  private topics = new Map<string, Topic>();
  private attempt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  private stopped = true;

  constructor(private readonly options: LiveOptions) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.attempt = 0;
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.drop();
    for (const topic of this.topics.values()) topic.last = null;
  }

  /** Tries again at once instead of waiting for the back-off. */
  retryNow(): void {
    if (this.stopped || this.socket) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  /** Calls handler for every frame of the topic until the returned function is called. */
  subscribe(name: string, handler: FrameHandler): () => void {
    let topic = this.topics.get(name);
    if (topic) {
      // A second reader needs the whole state too: ask for a new snapshot for both.
      topic.handlers.add(handler);
      topic.last = null;
    } else {
      topic = { handlers: new Set([handler]), last: null };
      this.topics.set(name, topic);
    }
    this.ask(name, topic);
    return () => this.unsubscribe(name, handler);
  }

  private unsubscribe(name: string, handler: FrameHandler): void {
    const topic = this.topics.get(name);
    if (!topic?.handlers.delete(handler) || topic.handlers.size > 0) return;
    this.topics.delete(name);
    this.sendJson({ op: "unsub", topic: name });
  }

  private connect(): void {
    this.options.onStatus("connecting");
    const socket = this.options.open();
    let opened = false;
    this.socket = socket;
    socket.onopen = () => {
      opened = true;
      this.attempt = 0;
      this.options.onStatus("open");
      this.listen();
      for (const [name, topic] of this.topics) this.ask(name, topic);
    };
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onclose = (event) => this.closed(socket, event.code, opened);
    this.listen();
  }

  private closed(socket: Socket, code: number, opened: boolean): void {
    if (this.socket !== socket) return;
    this.drop();
    if (this.stopped) return;
    this.options.onStatus("down");
    if (code === CLOSE_UNAUTHENTICATED) this.options.onUnauthenticated();
    const wait = backoffMs(opened ? 0 : this.attempt++, this.options.random ?? Math.random);
    this.retryTimer = setTimeout(() => this.connect(), wait);
  }

  private drop(): void {
    clearTimeout(this.silenceTimer);
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** A socket can die without telling; silence longer than the server allows itself is death. */
  private listen(): void {
    clearTimeout(this.silenceTimer);
    const socket = this.socket;
    this.silenceTimer = setTimeout(() => {
      if (socket) this.closed(socket, 1006, true);
    }, SILENCE_MS);
  }

  private receive(text: string): void {
    this.listen();
    let frame: LiveFrame;
    try {
      frame = JSON.parse(text) as LiveFrame;
    } catch {
      return;
    }
    const topic = this.topics.get(frame.topic);
    if (!topic) return;
    if (frame.t === "delta") {
      if (topic.last === null) return; // the snapshot is on its way
      if (frame.n <= topic.last) return;
      if (frame.n !== topic.last + 1) {
        topic.last = null;
        this.ask(frame.topic, topic);
        return;
      }
    }
    if (frame.t === "gap") topic.last = null;
    if (frame.t === "snap" || frame.t === "delta") topic.last = frame.n;
    for (const handler of topic.handlers) handler(frame);
  }

  private ask(name: string, topic: Topic): void {
    const since = topic.last === null ? {} : { since: topic.last };
    this.sendJson({ op: "sub", topic: name, ...since });
  }

  private sendJson(message: object): void {
    try {
      this.socket?.send(JSON.stringify(message));
    } catch {
      // Not open yet: every topic is asked for again when it opens.
    }
  }
}
