// The editor of an artifact's text: CodeMirror over a Yjs document that the server keeps. `src/browser/editor.rs` loads this file when a
// page has an editor, and knows its interface from here.
import { defaultKeymap } from "@codemirror/commands";
import { markdownKeymap, markdownLanguage } from "@codemirror/lang-markdown";
import { yamlFrontmatter } from "@codemirror/lang-yaml";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap } from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { toBase64 } from "lib0/buffer";
import type { IndexeddbPersistence } from "y-indexeddb";
import { Awareness } from "y-protocols/awareness";
import { decodeStateVector, Doc, encodeStateAsUpdate, encodeStateVector, type Text, UndoManager } from "yjs";
import { APART, Apart, type Begin } from "./apart";
import { Connection, type Link } from "./connection";
import { cursors, people } from "./cursors";
import { keep, STORE } from "./kept";
import { theme } from "./theme";
import { type Anchor, type Thread, anchor, place, setThreads, threads } from "./threads";

/** How long an editor that is closed waits for what was written last, in milliseconds. */
const LAST_WORDS = 3_000;
/** Under this name a document's store has the state vector that the server said is on its disk. */
const ON_DISK = "on-disk";

/**
 * What the editor tells, as a word and a value:
 * `ready`; `text` (it changed); `selected` "true" | "false"; `saved` "true" | "false"; `kept` (all of it is in the outbox); `link` "connecting" | "live" | "reconnecting" | "offline";
 * `people` (JSON of who has it open); `thread` (id of the one that was pressed); `denied` (one may only read); `ended` (close code);
 * `apart` "true" | "false" (it is written beside the document, which is out of reach: `apart.ts`).
 */
export type Tell = (word: string, value: string) => void;

export interface Options extends Begin {
  artifact: string;
  /** Whose copy it is on this device. */
  user: string;
  readOnly: boolean;
  /** The server does not know of it yet: there is nothing to connect to. */
  begun: boolean;
  tell: Tell;
}

/** Whether a document has something that this state vector does not know of. What was only deleted is not seen by it. */
function isAhead(doc: Doc, known: Uint8Array): boolean {
  const there = decodeStateVector(known);
  return [...decodeStateVector(encodeStateVector(doc))].some(([client, clock]) => clock > (there.get(client) ?? 0));
}

export class Editor {
  private readonly doc = new Doc();
  private readonly text = this.doc.getText("content");
  private readonly awareness = new Awareness(this.doc);
  private readonly rights = new Compartment();
  private readonly connection: Connection | undefined;
  private view: EditorView | undefined;
  private store: IndexeddbPersistence | undefined;
  private apart: Apart | undefined;
  /** All that the server had was here once. */
  private synced = false;
  /** What was written apart came home. */
  private arrived = false;
  private beginning = false;
  /** Something was written here, by a person, that the outbox was not told of. */
  private dirty = false;
  private marked: Thread[] = [];
  private readOnly: boolean;
  private closed = false;
  private shown = "";
  private readonly loading: Promise<void>;

  constructor(private readonly host: HTMLElement, private readonly options: Options) {
    this.readOnly = options.readOnly;
    const tell = this.tell;
    this.awareness.setLocalState({});
    this.awareness.on("change", this.tellPeople);
    this.loading = this.load();
    if (options.begun) {
      tell("link", "offline");
      void this.alone();
      return;
    }
    this.connection = new Connection(`/ws/doc/${options.artifact}?ack=1`, this.doc, this.awareness, {
      link: (link) => this.linked(link),
      saved: (saved) => {
        if (saved) this.dirty = false;
        tell("saved", String(saved));
      },
      onDisk: (vector) => void Promise.resolve(this.store?.set(ON_DISK, vector.buffer as ArrayBuffer)).catch(() => undefined),
      // What was written here before has to be in the document when it is first seen: it may be more than the server knows.
      synced: () => {
        this.synced = true;
        void this.loading.then(() => this.meet());
      },
      denied: () => {
        this.setReadOnly(true);
        tell("denied", "");
      },
      ended: (code) => tell("ended", String(code)),
    });
  }

  private readonly tell: Tell = (word, value) => {
    if (!this.closed) this.options.tell(word, value);
  };

  private async load() {
    if (this.readOnly) return;
    const store = await keep(`${STORE}${this.options.user}:${this.options.artifact}`, this.doc);
    if (this.closed) return void store?.destroy();
    this.store = store;
    this.doc.on("update", (_update: Uint8Array, origin: unknown) => {
      if (origin !== store && origin !== this.connection) this.dirty = true;
    });
    // A tab that was killed may have left more here than the server has: the connection brings it, or else the outbox.
    const onDisk = (await store?.get(ON_DISK).catch(() => undefined)) as ArrayBuffer | undefined;
    if (onDisk && !this.synced && isAhead(this.doc, new Uint8Array(onDisk))) {
      this.dirty = true;
      this.connection?.noteUnsaved();
      this.tell("text", "");
    }
    // Written apart before: one goes on with that, until it came home.
    const apart = await Apart.find(this.options.user, this.options.artifact).catch(() => undefined);
    if (this.closed) return void apart?.close();
    if (apart) this.writeApart(apart);
    // Without a network one goes on with what is here.
    else if (!navigator.onLine) void this.alone();
  }

  private linked(link: Link) {
    this.tell("link", link);
    if (link === "reconnecting" || link === "offline") void this.alone();
  }

  /** The server is out of reach: with the document as it is on this device, or else beside it. */
  private async alone() {
    await this.loading;
    if (this.view || this.apart || this.closed || this.readOnly) return;
    if (this.doc.store.clients.size > 0) return void this.show(this.text);
    // Several things say that the server is out of reach: a second one would take away what the first has begun.
    if (this.beginning) return;
    this.beginning = true;
    try {
      const apart = await Apart.begin(this.options.user, this.options.artifact, this.options);
      // The server may have come meanwhile.
      if (this.view || this.apart || this.closed) return void apart.forget();
      this.writeApart(apart);
    } finally {
      this.beginning = false;
    }
  }

  private writeApart(apart: Apart) {
    this.apart = apart;
    apart.doc.on("update", () => this.tell("saved", "false"));
    this.tell("apart", "true");
    this.show(apart.text);
    if (apart.unsent()) this.tell("saved", "false");
    // The outbox has it from before: it is not home yet.
    else if (apart.told) this.tell("kept", "");
    this.meet();
  }

  /** All of the document is here, or what was written apart has arrived: the document takes its place. */
  private meet() {
    const { apart } = this;
    if (!this.synced || this.closed) return;
    if (!apart) return void this.show(this.text);
    if (!apart.isOver(this.arrived)) return;
    const [focused, at] = [this.view?.hasFocus ?? false, this.view?.state.selection.main.head ?? 0];
    this.apart = undefined;
    void apart.forget();
    this.view?.destroy();
    this.view = undefined;
    const view = this.show(this.text);
    view?.dispatch({ selection: { anchor: Math.min(at, this.text.length) } });
    if (focused) view?.focus();
    this.tell("apart", "false");
    if (apart.told) this.tell("saved", "true");
    this.tell("text", "");
  }

  /** Puts the text onto the page, when all of it is here. */
  private show(text: Text): EditorView | undefined {
    if (this.view || this.closed) return undefined;
    const { tell } = this;
    const undoManager = new UndoManager(text);
    const fallback = this.host.querySelector("textarea");
    const focused = document.activeElement === fallback;
    const view = (this.view = new EditorView({
      parent: this.host,
      state: EditorState.create({
        doc: text.toString(),
        extensions: [
          // The document knows one kind of line end.
          EditorState.lineSeparator.of("\n"),
          EditorView.clipboardInputFilter.of((text) => text.replace(/\r\n?/g, "\n")),
          EditorView.cspNonce.of(document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? ""),
          EditorView.lineWrapping,
          // `tabindex` says again what `contenteditable` implies: checkers, and some browsers, know only the former for what scrolls.
          EditorView.contentAttributes.of({ "aria-label": "Source", tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
          this.rights.of(this.asRights()),
          drawSelection(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          search({ top: true }),
          yamlFrontmatter({ content: markdownLanguage }),
          theme,
          yCollab(text, null, { undoManager }),
          // Nobody else is beside the document, and comments are anchored in it.
          text === this.text ? cursors(text, this.awareness) : [],
          threads((thread) => tell("thread", thread)),
          // Tab leaves the editor, as it leaves every field.
          keymap.of([...yUndoManagerKeymap, ...markdownKeymap, ...searchKeymap, ...defaultKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) tell("text", "");
            if (update.docChanged || update.selectionSet) tell("selected", String(!update.state.selection.main.empty));
          }),
        ],
      }),
    }));
    fallback?.remove();
    if (focused) view.focus();
    this.setThreads(this.marked);
    tell("ready", "");
    return view;
  }

  private asRights() {
    return [EditorState.readOnly.of(this.readOnly), EditorView.contentAttributes.of({ "aria-readonly": String(this.readOnly) })];
  }

  private readonly tellPeople = () => {
    // As rooms write them.
    const told = JSON.stringify(people(this.awareness).map(({ id, name, color, kind }) => ({ userId: id, userName: name, color, kind })));
    if (told === this.shown) return;
    this.shown = told;
    this.tell("people", told);
  };

  setReadOnly(readOnly: boolean) {
    this.readOnly = readOnly;
    this.view?.dispatch({ effects: this.rights.reconfigure(this.asRights()) });
  }

  /** The whole text as it is here. */
  content(): string {
    return (this.apart?.text ?? this.text).toString();
  }

  /** What the outbox is to bring while the server is out of reach, as JSON; empty when it has all of it. */
  async unsent(): Promise<string> {
    if (this.apart) {
      const unsent = this.apart.unsent();
      return unsent ? JSON.stringify(unsent) : "";
    }
    if (!this.dirty) return "";
    this.dirty = false;
    const vector = (await this.store?.get(ON_DISK).catch(() => undefined)) as ArrayBuffer | undefined;
    return JSON.stringify({ text: this.text.toString(), update: toBase64(encodeStateAsUpdate(this.doc, vector && new Uint8Array(vector))) });
  }

  /** The outbox has it now, or it does not. */
  noteKept(kept: boolean): void {
    if (!kept) this.dirty = true;
    else void this.apart?.noteKept();
  }

  /** Nothing of it waits in the outbox any more. */
  noteArrived(): void {
    this.arrived = true;
    this.meet();
    this.arrived = false;
  }

  focus() {
    this.view?.focus();
  }

  /** What is selected, as an anchor for comments in JSON; empty when nothing is. */
  selection(): string {
    const range = this.apart ? undefined : this.view?.state.selection.main;
    return !range || range.empty ? "" : JSON.stringify(anchor(this.text, range.from, range.to));
  }

  /** Marks what is commented: JSON of a list of anchors with the `id` of their thread. */
  markThreads(list: string) {
    this.marked = JSON.parse(list) as Thread[];
    this.setThreads(this.marked);
  }

  private setThreads(list: Thread[]) {
    if (!this.apart) this.view?.dispatch({ effects: setThreads.of({ text: this.text, threads: list }) });
  }

  /** Selects an anchor's range and brings it into sight; false when nothing of it is left. */
  reveal(json: string): boolean {
    const at = place(this.text, JSON.parse(json) as Anchor);
    if (!at || !this.view || this.apart) return false;
    this.view.dispatch({ selection: { anchor: at.from, head: at.to }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
    this.view.focus();
    return true;
  }

  /** Closes it and forgets what this device kept: to begin again with the server's text. */
  async forget(): Promise<void> {
    const { store, apart } = this;
    [this.store, this.apart] = [undefined, undefined];
    await this.close();
    await store?.clearData();
    await apart?.forget();
  }

  /** Tells nothing from now on; done when the last words are on the server's disk, or cannot get there now. Gives then what the outbox is to bring (`unsent`). */
  async close(): Promise<string> {
    if (this.closed) return "";
    this.closed = true;
    this.awareness.off("change", this.tellPeople);
    this.view?.destroy();
    await this.connection?.drained(LAST_WORDS);
    this.connection?.close();
    // What is written apart is the caller's: it notes what the outbox took of it.
    const left = this.apart ? "" : await this.unsent();
    await this.store?.destroy();
    await this.apart?.close();
    this.awareness.destroy();
    this.doc.destroy();
    return left;
  }
}

/** `options` are JSON, but for `tell`. */
export function open(host: HTMLElement, options: string, tell: Tell): Editor {
  return new Editor(host, { ...(JSON.parse(options) as Omit<Options, "tell">), tell });
}

/** Removes what this device kept of all documents. */
export async function forgetAll(): Promise<void> {
  const stores = (await indexedDB.databases?.()) ?? [];
  for (const { name } of stores) if (name?.startsWith(STORE) || name?.startsWith(APART)) indexedDB.deleteDatabase(name);
  localStorage.removeItem("llmos-documents");
}
