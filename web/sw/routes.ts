// Which requests the worker answers, and how. Pure: everything that it leaves alone goes to the network as if it were not there.

export type Kind = "page" | "asset" | "read" | "picture" | "share" | "open";

/** Files of builds, whose names carry the hash of the content: of one before this one only this device may still have them, for a window that is one of its. */
const BUILT = /^\/(pkg|vendor)\//;
/** Pages are what is left over; these are none. */
const NO_PAGES = /^\/(api|auth|fn|frames|git|pkg|vendor|ws|webhook|healthz|readyz|unsubscribe|sw\.js|shell)(\/|$)/;

/**
 * What pages read and may show again without a network, below `/api/v1`; `*` is one part of a path. A list of what is kept and not of what is not: secrets,
 * tokens, links, sign-ins, the record of a team, administration, exports and whatever is added later are not in it. Search is answered by the device itself
 * (web/offline).
 */
const READ_PATHS = [
  "me", "instance", "home", "teams", "teams/*", "teams/*/members", "teams/*/tasks",
  "volumes", "volumes/*", "volumes/*/commits", "volumes/*/lock", "commits", "commits/*",
  "artifacts", "artifacts/facets", "artifacts/*", "artifacts/*/(text|draft|history|diff|files|similar|tasks)",
  "sessions", "sessions/*", "sessions/*/(entries|artifacts|assistant)", "comments/threads", "comments/threads/*",
  "notifications", "notifications/unread", "traces", "traces/*", "evolution", "evolution/(patterns|proposals)/*",
  "marketplace/listings", "marketplace/listings/*", "marketplace/listings/*/(reviews|similar)",
  "analytics", "analytics/(rows|causes|forecast|views|alerts)",
];
const READ = new RegExp(`^/api/v1/(${READ_PATHS.map((path) => path.replaceAll("*", "[^/]+")).join("|")})$`);
const PICTURE = /^\/(avatars\/[^/]+\/[^/]+|api\/v1\/marketplace\/screenshots\/[^/]+)$/;

/** Whether what the server answers there is kept. */
export const isRead = (path: string) => READ.test(path);

export interface Asked {
  method: string;
  url: URL;
  navigation: boolean;
}

/** None: the worker has no say in it. `assets`: the addresses of this build's files. */
export function kindOf({ method, url, navigation }: Asked, origin: string, assets: { has(path: string): boolean }): Kind | undefined {
  if (url.origin !== origin) return undefined;
  const path = url.pathname;
  if (method === "POST") return navigation && path === "/share" ? "share" : undefined;
  if (method !== "GET") return undefined;
  if ((assets.has(path) && path !== "/shell") || (BUILT.test(path) && !navigation)) return "asset";
  if (navigation) return path === "/open" ? "open" : NO_PAGES.test(path) || /\.[a-z0-9]{1,11}$/.test(path) ? undefined : "page";
  if (PICTURE.test(path)) return "picture";
  return isRead(path) ? "read" : undefined;
}

/** Where a link of the form `web+llmos:artifacts/…` leads, here and on the server (`pages::opened`). What is none of ours leads home. */
export function opened(link: string | null): string {
  const path = "/" + (/^web\+llmos:(.*)$/s.exec(link ?? "")?.[1] ?? "").replace(/^[/\\]+/, "");
  return /^\/[\w\-./~%?=&+#:@]*$/.test(path) && !path.includes("//") ? path : "/";
}

export interface SharedDraft {
  name: string;
  text: string;
  /** Files that are not in it: they are too large for a text. */
  left?: string[];
}

/** What was shared, as the beginning of an artifact. */
export function draftOf(title: string, text: string, url: string, files: { name: string; text: string }[]): SharedDraft {
  const first = files[0]?.name.replace(/\.(md|markdown|txt)$/i, "");
  const heading = /^#\s+(.+)$/m.exec(files[0]?.text ?? "")?.[1];
  const parts = [text, url && !text.includes(url) ? url : "", ...files.map((file) => file.text)];
  return { name: (title || heading || first || "").trim().slice(0, 100), text: parts.map((part) => part.trim()).filter(Boolean).join("\n\n") };
}
