// What a page and its worker say to each other.

/** How the device stands: what is kept, and since when. */
export interface Standing {
  documents: number;
  /** Older ones that a device is not given. */
  leftOut: number;
  /** Bytes kept, all together. */
  bytes: number;
  /** Whether meaning has a part in answers. */
  meaning: boolean;
  /** UTC milliseconds of the last comparison with the server. */
  at: number;
}

export interface Progress {
  stage: "model" | "documents";
  done: number;
  total: number;
}

export type Act =
  | { act: "ask"; user: string; path: string }
  | { act: "sync"; user: string }
  | { act: "stop" }
  | { act: "standing"; user: string }
  | { act: "forget" };

export type Call = Act & { number: number };

export type Said =
  | { number: number; answer: unknown }
  | { number: number; failure: string }
  | { number: number; progress: Progress };
