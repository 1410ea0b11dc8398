// What the worker, the pages' half of it and the server have in common.

/** Whose answer it is: the account's id, or "-" where nobody is signed in. The server sets it on all that is not public, so what lacks it came from something in between. */
export const ACCOUNT = "x-llmos-account";
/** When an answer out of a cache came from the server, in UTC milliseconds. */
export const KEPT_AT = "x-llmos-kept-at";

/** How many bytes of it are kept. */
export const KEPT_BYTES = "x-llmos-kept-bytes";

/** One cache for each account: what its pages read. */
export const READS = "llmos-reads-";
/** The same for pictures. */
export const PICTURES = "llmos-pictures-";
/** The same for what somebody wanted to have here: it is not thrown away for its age. */
export const PINS = "llmos-pins-";
/** Files of the build that are not needed for its first page; names carry the hash of the content. */
export const ASSETS = "llmos-assets";
/** What another app shared, until the page that it is for has it. */
export const SHARED = "llmos-shared";
/** Bytes; no text of an artifact is larger. */
const TEXT_MAX = 2 * 1024 * 1024;
/** Whether a file that is shared, or opened with the app, can become the text of an artifact. */
export const isText = ({ size }: { size: number }) => size <= TEXT_MAX;
/** Who is signed in, as the last answer said. */
export const STATE = "llmos-state";

/** A file of this build. `now`: the worker does not start without it; `soon`: fetched when the page stands; `used`: kept once it was asked for. */
export interface Entry {
  url: string;
  revision: string | null;
  integrity?: string;
  when: "now" | "soon" | "used";
}

/** How much is here of what pages read, and since when the oldest of it is, in UTC milliseconds by the server's clock (0: nothing is here). */
export interface Seen {
  answers: number;
  bytes: number;
  oldest: number;
}

/** What can be kept on this device as a whole. */
export type Whole = "volume" | "session";

/** How something stands that somebody wanted to have here. */
export interface Pin {
  kind: Whole;
  id: string;
  name: string;
  /** UTC milliseconds, by the server's clock, since when all of it is here; 0: it never was yet. */
  at: number;
  /** Bytes, about. */
  bytes: number;
  /** Artifacts or entries that are here. */
  items: number;
  /** How many are to come, while it is being fetched. */
  total: number;
  working: boolean;
  /** Why not all of it is here, as a sentence. */
  error: string;
}

/** What the server put into a page, which never passed the worker: path below `/api/v1` and JSON, in turn. `at`: UTC milliseconds by the server's clock. */
export interface Came {
  account: string;
  at: number;
  answers: string[];
}

/** What pages tell the worker. At the port that comes with them, those about pins are answered with all pins, and those about what was seen with how much it is. */
export type Told =
  | { act: "account"; account: string }
  | ({ act: "came" } & Came)
  | { act: "forget" }
  | { act: "apply" }
  | { act: "standing" }
  | { act: "pins" | "seen" | "unsee" }
  | { act: "warm"; saving: boolean }
  | { act: "pin"; account: string; kind: Whole; id: string; name: string }
  | { act: "unpin"; kind: Whole; id: string };

/**
 * What the worker tells a page: how old what it shows is (none: it is current), that waiting work can be sent, or that a team was lost (`stale`: the page may be
 * showing something of it).
 */
export type Tells = { keptAt: number | null } | { sync: string } | { lost: true; stale: boolean };

/** The caches of accounts, by name. */
export const isPersonal = (name: string) => [READS, PICTURES, PINS].some((kind) => name.startsWith(kind)) || name === SHARED || name === STATE;

/** Databases of an account beside its caches, by how their names begin: texts that one edited, and search. What is unsent is in the outbox as well. */
export const TEXTS = ["llmos-document:", "llmos-apart:"];
export const SEARCH = ["llmos-offline-"];
/** A page says it to itself when a team was lost: search on the device is then compared with the server at once (`web/offline`). */
export const LOST = "llmos-lost";
/** The name of the browser's own reminder to look for what is new, where it has one. */
export const REFRESH = "llmos-refresh";
