// What a push message shows. Pure.

/** What the server sends (`PushMessage`). */
export interface Message {
  /** The account that it tells. */
  account: string;
  title: string;
  body: string;
  url: string;
  tag: string;
  ids: string[];
}

/** What is kept with a message that is shown. */
export interface Shown {
  account: string;
  url: string;
  /** What is read when it is opened: its own notifications, and those of the messages whose place it took. */
  ids: string[];
  /** How many messages it stands for. */
  count: number;
}

/** An address of ours, whatever was sent. */
export function ours(url: string | undefined, origin: string): string {
  const address = new URL(url || "/notifications", origin);
  return address.origin === origin ? address.href : new URL("/notifications", origin).href;
}

/** One message for each subject: a later one takes the place of what is shown of the same, and says how many more there are. */
export function grouped({ account = "", title, body, url, ids }: Partial<Message>, shownBefore: Shown | undefined, origin: string): { title: string; body: string; shown: Shown } {
  // What another account was told is not this one's to count, or to read.
  const before = shownBefore?.account === account ? shownBefore : undefined;
  const count = (before?.count ?? 0) + 1;
  const more = count > 1 ? `and ${count - 1} more` : "";
  const shown = { account, url: ours(url, origin), ids: [...new Set([...(before?.ids ?? []), ...(ids ?? [])])], count };
  return { title: title || "LLMos-Lite", body: [body, more].filter(Boolean).join("\n"), shown };
}

/** The session that an address leads to. */
export const sessionOf = (url: string) => /^\/sessions\/([0-9a-f-]{36})$/.exec(new URL(url).pathname)?.[1];
