// The editor of an artifact's text: CodeMirror over a Yjs document that the server keeps. `src/browser/editor.rs` loads this file when a
// page has an editor, and knows its interface from here.
import { defaultKeymap } from "@codemirror/commands";
import { markdownKeymap, markdownLanguage } from "@codemirror/lang-markdown";
import { yamlFrontmatter } from "@codemirror/lang-yaml";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap } from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { IndexeddbPersistence } from "y-indexeddb";
import { Awareness } from "y-protocols/awareness";
import { Doc, UndoManager } from "yjs";
import { Connection } from "./connection";
import { cursors, people } from "./cursors";
import { theme } from "./theme";
import { type Anchor, type Thread, anchor, place, setThreads, threads } from "./threads";

/** How long an editor that is closed waits for what was written last, in milliseconds. */
const LAST_WORDS = 3_000;
/** Names of stores on this device begin with it; signing out removes them. */
const STORE = "llmos-document:";

/**
 * What the editor tells, as a word and a value:
 * `ready`; `text` (it changed); `selected` "true" | "false"; `saved` "true" | "false"; `link` "connecting" | "live" | "reconnecting" | "offline";
 * `people` (JSON of who has it open); `thread` (id of the one that was pressed); `denied` (one may only read); `ended` (close code).
 */
export type Tell = (word: string, value: string) => void;

export interface Options {
  artifact: string;
  /** Whose copy it is on this device. */
  user: string;
  readOnly: boolean;
  tell: Tell;
}

/** What is kept on this device until the server has it; none where the browser keeps nothing. */
async function keep(name: string, doc: Doc): Promise<IndexeddbPersistence | undefined> {
  try {
    // A store that cannot be opened would be an error that nobody catches.
    await new Promise((done, failed) => {
      const opening = indexedDB.open(`${STORE}probe`);
      opening.onsuccess = () => done(opening.result.close());
      opening.onerror = () => failed(opening.error);
    });
    const store = new IndexeddbPersistence(name, doc);
    await store.whenSynced;
    // Signing out removes it.
    localStorage.setItem("llmos-documents", "kept");
    return store;
  } catch {
    return undefined;
  }
}

export class Editor {
  private readonly doc = new Doc();
  private readonly text = this.doc.getText("content");
  private readonly awareness = new Awareness(this.doc);
  private readonly rights = new Compartment();
  private readonly connection: Connection;
  private view: EditorView | undefined;
  private store: IndexeddbPersistence | undefined;
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
    this.connection = new Connection(`/ws/doc/${options.artifact}?ack=1`, this.doc, this.awareness, {
      link: (link) => tell("link", link),
      saved: (saved) => tell("saved", String(saved)),
      // What was written here before has to be in the document when it is first seen: it may be more than the server knows.
      synced: () => void this.loading.then(() => this.show()),
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
    // Without a network one goes on with what is here.
    if (this.text.length > 0 && !navigator.onLine) this.show();
  }

  /** Puts the text onto the page, when all of it is here. */
  private show() {
    if (this.view || this.closed) return;
    const { tell } = this;
    const undoManager = new UndoManager(this.text);
    const fallback = this.host.querySelector("textarea");
    const focused = document.activeElement === fallback;
    this.view = new EditorView({
      parent: this.host,
      state: EditorState.create({
        doc: this.text.toString(),
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
          yCollab(this.text, null, { undoManager }),
          cursors(this.text, this.awareness),
          threads((thread) => tell("thread", thread)),
          // Tab leaves the editor, as it leaves every field.
          keymap.of([...yUndoManagerKeymap, ...markdownKeymap, ...searchKeymap, ...defaultKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) tell("text", "");
            if (update.docChanged || update.selectionSet) tell("selected", String(!update.state.selection.main.empty));
          }),
        ],
      }),
    });
    fallback?.remove();
    if (focused) this.view.focus();
    this.setThreads(this.marked);
    tell("ready", "");
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
    return this.text.toString();
  }

  focus() {
    this.view?.focus();
  }

  /** What is selected, as an anchor for comments in JSON; empty when nothing is. */
  selection(): string {
    const range = this.view?.state.selection.main;
    return !range || range.empty ? "" : JSON.stringify(anchor(this.text, range.from, range.to));
  }

  /** Marks what is commented: JSON of a list of anchors with the `id` of their thread. */
  markThreads(list: string) {
    this.marked = JSON.parse(list) as Thread[];
    this.setThreads(this.marked);
  }

  private setThreads(list: Thread[]) {
    this.view?.dispatch({ effects: setThreads.of({ text: this.text, threads: list }) });
  }

  /** Selects an anchor's range and brings it into sight; false when nothing of it is left. */
  reveal(json: string): boolean {
    const at = place(this.text, JSON.parse(json) as Anchor);
    if (!at || !this.view) return false;
    this.view.dispatch({ selection: { anchor: at.from, head: at.to }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
    this.view.focus();
    return true;
  }

  /** Closes it and forgets what this device kept: to begin again with the server's text. */
  async forget(): Promise<void> {
    const store = this.store;
    this.store = undefined;
    await this.close();
    await store?.clearData();
  }

  /** Tells nothing from now on; done when the last words are on the server's disk, or cannot get there now. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.awareness.off("change", this.tellPeople);
    this.view?.destroy();
    await this.connection.drained(LAST_WORDS);
    this.connection.close();
    await this.store?.destroy();
    this.awareness.destroy();
    this.doc.destroy();
  }
}

export function open(host: HTMLElement, artifact: string, user: string, readOnly: boolean, tell: Tell): Editor {
  return new Editor(host, { artifact, user, readOnly, tell });
}

/** Removes what this device kept of all documents. */
export async function forgetAll(): Promise<void> {
  const stores = (await indexedDB.databases?.()) ?? [];
  for (const { name } of stores) if (name?.startsWith(STORE)) indexedDB.deleteDatabase(name);
  localStorage.removeItem("llmos-documents");
}
