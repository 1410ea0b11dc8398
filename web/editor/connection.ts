// The document socket from the browser's side: docs/protocol.md describes it. Awareness and sync are those of y-protocols; what is our
// own is when to come back, and knowing what is on the server's disk.
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { type Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import { readSyncMessage, writeSyncStep1, writeUpdate } from "y-protocols/sync";
import type { Doc } from "yjs";

const SYNC = 0;
const AWARENESS = 1;
const DENIED = 2;
const ON_DISK = 100;

/** After these the server says the same again. */
const FINAL = new Set([4400, 4401, 4403, 4404, 4413]);
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** Awareness says something every 15 s and is echoed: nothing for longer means that nobody is there. */
const SILENCE = 40_000;
/** An answer takes no longer than this on a link that lives, and most take no longer than the second. */
const ANSWER = 8_000;
const QUICK = 3_000;

/** Where the document says that the sockets are, when that is not where it came from (`src/browser/document.rs`). */
function elsewhere(): string | undefined {
  return document.querySelector<HTMLMetaElement>("meta[name=llmos-sockets]")?.content;
}

/** The address of a socket. No cookie goes elsewhere: a token of a minute does. Throws the code that a socket would close with. */
async function addressed(path: string, base: string): Promise<string> {
  const answer = await fetch("/api/v1/ws-token", { method: "POST", signal: AbortSignal.timeout(ANSWER) }).catch(() => undefined);
  if (!answer?.ok) throw answer?.status === 401 ? 4401 : 1006;
  const { token } = (await answer.json().catch(() => ({}))) as { token?: string };
  if (!token) throw 1006;
  return `${base}${path}&token=${encodeURIComponent(token)}`;
}

/**
 * Milliseconds before one comes back: half of the first pause, and a random part of a span that doubles with each attempt, so that those who were cut off
 * together do not come back together. `random` is 0..1; `src/features/collaboration/link.rs` does the same.
 */
export function pause(attempts: number, random: number): number {
  const least = FIRST_PAUSE / 2;
  return least + Math.min(FIRST_PAUSE * 2 ** Math.min(attempts, 16), LONGEST_PAUSE - least) * random;
}

export type Link = "connecting" | "live" | "reconnecting" | "offline";

/** What the connection tells; each is told when it changes. */
export interface Heard {
  link(link: Link): void;
  /** Whether everything written here is on the server's disk. */
  saved(saved: boolean): void;
  /** What the server has on its disk, as a state vector. */
  onDisk(vector: Uint8Array): void;
  /** Everything that the server knew is here. */
  synced(): void;
  /** It does not come back: the close code. */
  ended(code: number): void;
  /** One may read, and not write. */
  denied(): void;
}

export class Connection {
  private socket: WebSocket | undefined;
  /** A token is being fetched. */
  private asking = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly watch: ReturnType<typeof setInterval>;
  private attempts = 0;
  private ever = false;
  private heardAt = 0;
  private askedAt = 0;
  /** Updates sent on this connection; the server counts them too. */
  private sent = 0;
  private unsaved = false;
  private whenSaved: (() => void) | undefined;
  private over = false;

  constructor(
    private readonly path: string,
    private readonly doc: Doc,
    private readonly awareness: Awareness,
    private readonly heard: Heard,
  ) {
    doc.on("update", this.onUpdate);
    awareness.on("update", this.onAwareness);
    window.addEventListener("online", this.wake);
    window.addEventListener("offline", this.wake);
    window.addEventListener("focus", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.watch = setInterval(this.look, 2_000);
    this.connect();
  }

  /** When everything written here is on the server's disk, or there is no hope of it soon. */
  drained(patience: number): Promise<void> {
    if (!this.unsaved || !this.isOpen()) return Promise.resolve();
    return new Promise((done) => {
      const timer = setTimeout(done, patience);
      this.whenSaved = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  /** Goes for good. */
  close() {
    this.over = true;
    clearInterval(this.watch);
    clearTimeout(this.timer);
    this.doc.off("update", this.onUpdate);
    window.removeEventListener("online", this.wake);
    window.removeEventListener("offline", this.wake);
    window.removeEventListener("focus", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    // The others are told that one is gone, while there is somebody to tell.
    removeAwarenessStates(this.awareness, [this.doc.clientID], "closed");
    this.awareness.off("update", this.onAwareness);
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  /** What is on this device and perhaps not on the server's. */
  noteUnsaved() {
    if (!this.unsaved) {
      this.unsaved = true;
      this.heard.saved(false);
    }
  }

  private connect() {
    this.attempts++;
    this.sent = 0;
    this.askedAt = 0;
    this.heardAt = Date.now();
    const base = elsewhere();
    if (base === undefined) {
      this.open(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${this.path}`);
    } else {
      this.asking = true;
      addressed(this.path, base).then(
        (address) => {
          this.asking = false;
          if (!this.over) this.open(address);
        },
        (code: number) => {
          this.asking = false;
          this.lost(code);
        },
      );
    }
    this.show();
  }

  private open(address: string) {
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (this.socket !== socket) return;
      const question = encoding.createEncoder();
      encoding.writeVarUint(question, SYNC);
      writeSyncStep1(question, this.doc);
      this.send(question);
      if (this.awareness.getLocalState() !== null) this.tellAwareness([this.doc.clientID]);
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.take(new Uint8Array(event.data as ArrayBuffer));
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code);
    };
  }

  private take(bytes: Uint8Array) {
    this.heardAt = Date.now();
    if (this.askedAt) {
      this.askedAt = 0;
      if (this.ever) this.show(true);
    }
    const message = decoding.createDecoder(bytes);
    switch (decoding.readVarUint(message)) {
      case SYNC: {
        const answer = encoding.createEncoder();
        encoding.writeVarUint(answer, SYNC);
        const kind = readSyncMessage(message, answer, this.doc, this);
        if (encoding.length(answer) > 1) {
          this.sent++;
          this.send(answer);
        }
        if (kind === 1) {
          this.attempts = 0;
          this.ever = true;
          this.show(true);
          this.heard.synced();
        }
        break;
      }
      case AWARENESS:
        applyAwarenessUpdate(this.awareness, decoding.readVarUint8Array(message), this);
        break;
      case DENIED:
        this.heard.denied();
        break;
      case ON_DISK:
        // The state vector says nothing of what was deleted; how many of our updates are on disk, which stands behind it, does.
        this.heard.onDisk(decoding.readVarUint8Array(message).slice());
        if (decoding.hasContent(message) && this.ever && this.sent > 0 && decoding.readVarUint(message) >= this.sent && this.unsaved) {
          this.unsaved = false;
          this.heard.saved(true);
          this.whenSaved?.();
        }
        break;
    }
  }

  private readonly onUpdate = (update: Uint8Array, origin: unknown) => {
    if (origin === this) return;
    this.noteUnsaved();
    if (!this.isOpen()) return;
    const message = encoding.createEncoder();
    encoding.writeVarUint(message, SYNC);
    writeUpdate(message, update);
    this.sent++;
    this.send(message);
  };

  private readonly onAwareness = ({ added, updated, removed }: { added: number[]; updated: number[]; removed: number[] }, origin: unknown) => {
    const mine = [...added, ...updated, ...removed].filter((client) => client === this.doc.clientID);
    if (origin !== this && mine.length > 0) this.tellAwareness(mine);
  };

  private tellAwareness(clients: number[]) {
    const message = encoding.createEncoder();
    encoding.writeVarUint(message, AWARENESS);
    encoding.writeVarUint8Array(message, encodeAwarenessUpdate(this.awareness, clients));
    this.send(message);
  }

  private isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  private send(message: encoding.Encoder) {
    if (this.isOpen()) this.socket!.send(encoding.toUint8Array(message));
  }

  private lost(code: number) {
    this.socket = undefined;
    // Where the others were is not known any more.
    const others = [...this.awareness.getStates().keys()].filter((client) => client !== this.doc.clientID);
    removeAwarenessStates(this.awareness, others, this);
    if (this.over) return;
    if (FINAL.has(code)) {
      this.over = true;
      this.heard.ended(code);
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), pause(this.attempts, Math.random()));
    this.show();
  }

  private again() {
    clearTimeout(this.timer);
    if (!this.over && !this.socket && !this.asking) this.connect();
  }

  /** Timers of tabs behind others are held up, so a person who comes back, or the network, asks at once. */
  private readonly wake = (event: Event) => {
    if (this.over) return;
    if (!this.socket) {
      if (event.type === "online") this.attempts = 0;
      if (navigator.onLine) this.again();
    } else if (event.type !== "visibilitychange" || !document.hidden) {
      this.ask();
    }
    if (!this.socket) this.show();
  };

  /** Awareness is echoed: an answer shows that somebody is there. */
  private ask() {
    if (!this.isOpen() || this.askedAt) return;
    this.askedAt = Date.now();
    this.awareness.setLocalState(this.awareness.getLocalState());
  }

  private readonly look = () => {
    if (!this.socket) return;
    const now = Date.now();
    if (now - this.heardAt > SILENCE || (this.askedAt && now - this.askedAt > ANSWER)) {
      const socket = this.socket;
      socket.onclose = socket.onmessage = null;
      socket.close();
      this.lost(1006);
    } else if (this.askedAt && now - this.askedAt > QUICK) {
      this.show();
    } else if (this.unsaved && now - this.heardAt > QUICK) {
      this.ask();
    }
  };

  private show(live = false) {
    this.heard.link(live ? "live" : !navigator.onLine ? "offline" : this.ever || this.attempts > 1 ? "reconnecting" : "connecting");
  }
}
