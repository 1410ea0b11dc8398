// A text that is written while its document is not on this device and the server cannot be reached: a document of its own, which begins with the text that the
// page shows. It comes home by the outbox, as a text with the one that it was made from (`POST /artifacts/{id}/edits`); then the server's document takes its place.
import type { IndexeddbPersistence } from "y-indexeddb";
import { Doc, type Text } from "yjs";

import { keep } from "./kept";

/** Names of stores on this device begin with it; signing out, and losing a team, removes them. */
export const APART = "llmos-apart:";

export interface Begin {
  /** What the page shows. */
  text: string;
  /** The head at that time; empty where nothing was committed. */
  revision: string;
}

export class Apart {
  readonly doc = new Doc();
  readonly text: Text = this.doc.getText("content");
  private store: IndexeddbPersistence | undefined;
  /** What the next change is made from: the text that the page showed, then what the outbox has. */
  private base = "";
  private revision = "";
  private offered = "";
  /** The outbox has something of it, or had. */
  told = false;

  private constructor(private readonly name: string) {}

  /** One that was begun before, with what is in it; none where there is none. */
  static async find(user: string, artifact: string): Promise<Apart | undefined> {
    const name = `${APART}${user}:${artifact}`;
    const known = await indexedDB.databases?.().catch(() => []);
    if (known && !known.some((one) => one.name === name)) return undefined;
    const apart = new Apart(name);
    apart.store = await keep(name, apart.doc);
    const read = async (key: string) => (await apart.store?.get(key).catch(() => undefined)) as string | undefined;
    const base = await read("base");
    if (base === undefined) {
      await apart.forget();
      return undefined;
    }
    [apart.base, apart.revision, apart.told] = [base, (await read("revision")) ?? "", (await read("told")) !== undefined];
    return apart;
  }

  static async begin(user: string, artifact: string, { text, revision }: Begin): Promise<Apart> {
    const apart = new Apart(`${APART}${user}:${artifact}`);
    // Where the browser keeps nothing it ends with the page; the outbox says so.
    apart.store = await keep(apart.name, apart.doc);
    [apart.base, apart.revision] = [text, revision];
    apart.text.insert(0, text);
    await apart.note("revision", revision);
    await apart.note("base", text);
    return apart;
  }

  private note = (key: string, value: string) => Promise.resolve(this.store?.set(key, value)).catch(() => undefined);

  /** Whether the server's document can take its place: nothing was written, or all of it `arrived`. */
  isOver(arrived: boolean): boolean {
    return this.text.toString() === this.base && (arrived || !this.told);
  }

  /** What the outbox is to bring; none when it has all of it. */
  unsent(): object | undefined {
    this.offered = this.text.toString();
    if (this.offered === this.base) return undefined;
    return { text: this.offered, base: this.base, revision: this.revision || undefined };
  }

  /** The outbox has what it was offered. */
  async noteKept(): Promise<void> {
    [this.base, this.told] = [this.offered, true];
    await this.note("told", "yes");
    await this.note("base", this.base);
  }

  async close(): Promise<void> {
    await this.store?.destroy();
    this.doc.destroy();
  }

  /** It came home, or nothing was written. */
  async forget(): Promise<void> {
    await this.store?.clearData().catch(() => undefined);
    this.doc.destroy();
  }
}
