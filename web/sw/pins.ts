// What somebody wanted to have on this device as a whole: a volume with all its artifacts, a session with all that was said. It is fetched by the worker, so
// that it goes on when the page is left, and answers reads where the server does not (`reads.ts`).
import { givenAt, verdictOf } from "./answers";
import { moment, whose } from "./keeping";
import { ACCOUNT, KEPT_AT, type Pin, PINS, type Whole } from "./names";
import { type Entry, entriesPage, facets, isNew, libraryPage, type Summary } from "./pinned";

/** Rows of the library in one answer, and entries of a timeline: the most that the server gives. */
const ROWS = 200;
/** Artifacts in one answer (`GET /artifacts/details`). */
const DETAILS = 50;
/** What was fetched is written down after so many, so that it need not be fetched twice. */
const SAVED_EACH = 200;
/** Older entries of a session are looked at again after a day: what was said there may have been changed. */
const DAY = 86_400_000;

/** Something is not on this device any more, or never was. */
class Gone extends Error {}
/** Nobody of ours answered, or somebody else is signed in by now. */
class Unreached extends Error {}

interface Rows {
  items: Summary[];
  /** Characters of each artifact that is here. */
  sizes: Record<string, number>;
}
interface Said {
  entries: Entry[];
  /** Its artifacts, with the same. */
  sizes: Record<string, number>;
  /** When all entries were read last. */
  whole: number;
}

/** Where a pin and what belongs to it stand in the cache. */
const place = (kind: Whole, id: string, part = "") => `/pinned/${kind}/${id}${part}`;
const API = "/api/v1";

/** What is being fetched now: how far it is. One after another. */
const working = new Map<string, { done: number; total: number }>();
/** Nobody wants these any more. */
const unwanted = new Set<string>();
/** What could not even be noted, because there is no room at all, and whose it is: they want it still, and hear why it is not here. */
const unnoted = new Map<string, { pin: Pin; of: string | undefined }>();
let turn: Promise<unknown> = Promise.resolve();
/** A list, and since when it is here, in UTC milliseconds by the server's clock. */
interface Listed {
  at: number;
  list: Rows | Said;
}
/** The lists that were read last: a thousand rows are half a megabyte of JSON. */
const read = new Map<string, Listed>();

async function cache(): Promise<Cache | undefined> {
  const of = await whose();
  return of ? caches.open(PINS + of) : undefined;
}

/** Whether there is anything: asked before each read, so it is not to make an empty cache. */
const some = async () => ((of) => Boolean(of) && caches.has(PINS + of))(await whose());

const json = async <T>(answer: Response | undefined) => (answer ? ((await answer.json()) as T) : undefined);

export async function pins(): Promise<Pin[]> {
  const of = await whose();
  const found = [...unnoted.values()].filter((one) => one.of === of).map(({ pin }) => pin);
  const here = (await some()) ? await cache() : undefined;
  for (const { url } of (await here?.keys()) ?? []) {
    const [, first, , , part] = new URL(url).pathname.split("/");
    const pin = first === "pinned" && !part ? await json<Pin>(await here?.match(url)) : undefined;
    if (!pin || found.some((other) => other.kind === pin.kind && other.id === pin.id)) continue;
    const now = working.get(place(pin.kind, pin.id));
    found.push(now ? { ...pin, items: now.done, total: now.total, working: true } : pin);
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Notes that somebody wants it here; `bring` fetches it then. */
export async function want(kind: Whole, id: string, name: string): Promise<void> {
  const here = await cache();
  if (!here) return;
  unwanted.delete(place(kind, id));
  working.set(place(kind, id), { done: 0, total: 0 });
  const before = await json<Pin>(await here.match(place(kind, id)));
  const pin: Pin = { kind, id, name, at: before?.at ?? 0, bytes: before?.bytes ?? 0, items: before?.items ?? 0, total: 0, working: false, error: "" };
  await note(here, pin).catch((error: unknown) => unnotable({ ...pin, error: why(error) }));
}

/** Removes it, and what nothing else needs. */
export async function unpin(kind: Whole, id: string): Promise<void> {
  const here = await cache();
  if (!here) return;
  // What is on its way ends.
  unwanted.add(place(kind, id));
  unnoted.delete(place(kind, id));
  const needed = new Set<string>();
  for (const other of await pins())
    if (other.kind !== kind || other.id !== id) for (const one of Object.keys((await listed(here, other.kind, other.id))?.list.sizes ?? {})) needed.add(one);
  const own = Object.keys((await listed(here, kind, id))?.list.sizes ?? {}).filter((one) => !needed.has(one));
  await Promise.all(own.map((one) => here.delete(`${API}/artifacts/${one}`)));
  for (const path of [place(kind, id), place(kind, id, "/list"), `${API}/volumes/${id}/commits`, `${API}/sessions/${id}`, `${API}/sessions/${id}/assistant`]) await here.delete(path);
  read.delete(place(kind, id));
}

/** Brings all that is older than that, in milliseconds, to what the server has. */
export async function refresh(older: number): Promise<void> {
  // A device's clock may be off by days, either way.
  for (const { kind, id, at } of await pins()) if (Math.abs(Date.now() - at) > older) await bring(kind, id);
}

/** After the caches were emptied (`reads.ts`): the same again, as far as one may still see it. */
export async function again(wanted: Pin[]): Promise<void> {
  const here = await cache();
  if (!here) return;
  unwanted.clear();
  for (const pin of wanted) await note(here, { ...pin, at: 0, bytes: 0, items: 0, total: 0, working: false, error: "" });
  await refresh(0);
}

/** Fetches it, or compares it with what the server has now, when it is its turn. */
export function bring(kind: Whole, id: string): Promise<void> {
  const begun = turn.then(() => fetchAll(kind, id));
  turn = begun.catch(() => undefined);
  return begun;
}

const isFull = (error: unknown) => error instanceof Error && (error.name === "QuotaExceededError" || /quota/i.test(error.message));

const why = (error: unknown) => (isFull(error) ? "There is no room on this device for all of it." : "Not all of it is here yet: it goes on when the server can be reached.");

async function note(here: Cache, pin: Pin): Promise<void> {
  await here.put(place(pin.kind, pin.id), new Response(JSON.stringify(pin)));
  unnoted.delete(place(pin.kind, pin.id));
}

const unnotable = async (pin: Pin) => void unnoted.set(place(pin.kind, pin.id), { pin, of: await whose() });

async function fetchAll(kind: Whole, id: string): Promise<void> {
  const key = place(kind, id);
  const [here, of, began] = [await cache(), await whose(), moment()];
  const before = await json<Pin>(await here?.match(key));
  if (!here || !before) return void working.delete(key);
  working.set(key, { done: 0, total: 0 });
  const ask = new Asking(of, began, key);
  try {
    const sizes = kind === "volume" ? await volume(here, ask, id) : await session(here, ask, id);
    const bytes = Object.values(sizes).reduce((sum, size) => sum + size, 0);
    const items = working.get(key)?.total ?? 0;
    ask.check();
    await note(here, { ...before, at: ask.at, bytes, items, total: items, working: false, error: "" });
  } catch (error) {
    if (began !== moment()) return;
    if (error instanceof Gone) return await unpin(kind, id);
    const { done, total } = working.get(key) ?? { done: 0, total: 0 };
    const pin = { ...before, items: Math.max(done, before.items), total, working: false, error: isFull(error) || !before.at ? why(error) : "" };
    await note(here, pin).catch(() => unnotable(pin));
  } finally {
    working.delete(key);
  }
}

/** Asks the server for one account, for as long as that is who is signed in. */
class Asking {
  /** When it answered first, by its clock. */
  at = 0;

  constructor(
    private readonly of: string,
    private readonly began: number,
    private readonly key: string,
  ) {}

  /** Whether it is still wanted, by who wanted it. */
  check(): void {
    if (unwanted.has(this.key)) throw new Gone();
    if (this.began !== moment()) throw new Unreached();
  }

  async get(path: string): Promise<Response> {
    this.check();
    const answer = await fetch(API + path).catch(() => undefined);
    const verdict = answer && verdictOf(answer);
    this.check();
    if (!answer || verdict === "foreign" || answer.headers.get(ACCOUNT) !== this.of) throw new Unreached();
    if (verdict === "gone" && answer.status !== 401) throw new Gone();
    if (!answer.ok) throw new Unreached();
    this.at ||= givenAt(answer.headers, Date.now());
    return answer;
  }

  /** As it is kept. A full disk is an error here: whoever wanted all of it is to know that not all of it is here. */
  async keep(here: Cache, path: string, text: string): Promise<void> {
    this.check();
    const headers = { "content-type": "application/json", [ACCOUNT]: this.of, [KEPT_AT]: String(this.at || Date.now()) };
    await here.put(API + path, new Response(text, { headers }));
  }
}

async function listed(here: Cache, kind: Whole, id: string): Promise<Listed | undefined> {
  const key = place(kind, id);
  const stored = await here.match(place(kind, id, "/list"));
  if (!stored) return undefined;
  const at = Number(stored.headers.get(KEPT_AT));
  const known = read.get(key);
  if (known?.at === at) return known;
  const found = { at, list: (await stored.json()) as Rows | Said };
  read.set(key, found);
  return found;
}

async function keepList(here: Cache, kind: Whole, id: string, at: number, found: Rows | Said): Promise<void> {
  await here.put(place(kind, id, "/list"), new Response(JSON.stringify(found), { headers: { [KEPT_AT]: String(at) } }));
  read.delete(place(kind, id));
}

async function volume(here: Cache, ask: Asking, id: string): Promise<Record<string, number>> {
  const wanted: Summary[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page = (await (await ask.get(`/artifacts?volume=${id}&sort=created&limit=${ROWS}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)).json()) as { items: Summary[]; next: string | null };
    wanted.push(...page.items);
    cursor = page.next;
  }
  const before = ((await listed(here, "volume", id))?.list as Rows | undefined) ?? { items: [], sizes: {} };
  const known = new Map(before.items.map((one) => [one.id, one]));
  const sizes = { ...before.sizes };
  for (const { id: one } of before.items.filter((one) => !wanted.some(({ id }) => id === one.id))) {
    await here.delete(`${API}/artifacts/${one}`);
    delete sizes[one];
  }
  const missing = wanted.filter((one) => !sizes[one.id] || isNew(known.get(one.id), one));
  const left = new Set(missing.map((one) => one.id));
  const save = () => keepList(here, "volume", id, ask.at, { items: wanted.filter((one) => !left.has(one.id) || known.has(one.id)), sizes });
  await details(here, ask, missing.map((one) => one.id), sizes, place("volume", id), wanted.length, async (came) => {
    for (const one of came) left.delete(one);
    if ((missing.length - left.size) % SAVED_EACH < came.length) await save();
  });
  left.clear();
  await save();
  await ask.keep(here, `/volumes/${id}/commits`, await (await ask.get(`/volumes/${id}/commits`)).text());
  return sizes;
}

/** Fetches artifacts as their pages show them. `total`: how many there are with those that are here already. */
async function details(here: Cache, ask: Asking, ids: string[], sizes: Record<string, number>, key: string, total: number, came: (ids: string[]) => Promise<void>): Promise<void> {
  working.set(key, { done: total - ids.length, total });
  for (let at = 0; at < ids.length; at += DETAILS) {
    const some = ids.slice(at, at + DETAILS);
    const lines = (await (await ask.get(`/artifacts/details?ids=${some.join(",")}`)).text()).split("\n").filter(Boolean);
    const keep = async (line: string) => {
      const { summary } = JSON.parse(line) as { summary: Summary };
      await ask.keep(here, `/artifacts/${summary.id}`, line);
      sizes[summary.id] = line.length;
    };
    await Promise.all(lines.map(keep));
    working.set(key, { done: total - ids.length + at + some.length, total });
    await came(some);
  }
}

async function session(here: Cache, ask: Asking, id: string): Promise<Record<string, number>> {
  const detail = await (await ask.get(`/sessions/${id}`)).text();
  const before = (await listed(here, "session", id))?.list as Said | undefined;
  const fresh = before && ask.at - before.whole < DAY ? before : undefined;
  // The newest may have been changed; older ones are looked at again once a day.
  const entries = fresh?.entries.slice(0, -ROWS) ?? [];
  for (let total = Infinity; (entries.at(-1)?.number ?? 0) < total; ) {
    const from = (entries.at(-1)?.number ?? 0) + 1;
    const page = (await (await ask.get(`/sessions/${id}/entries?from=${from}&limit=${ROWS}`)).json()) as { items: Entry[]; total: number };
    entries.push(...page.items);
    total = page.items.length ? page.total : 0;
    working.set(place("session", id), { done: entries.length, total: page.total });
  }
  const { artifacts } = JSON.parse(detail) as { artifacts: { id: string; gone?: boolean }[] };
  const sizes: Record<string, number> = {};
  await details(here, ask, artifacts.filter((one) => !one.gone).map((one) => one.id), sizes, place("session", id), entries.length + artifacts.length, async () => undefined);
  await ask.keep(here, `/sessions/${id}`, detail);
  await keepList(here, "session", id, ask.at, { entries, sizes, whole: fresh?.whole ?? ask.at });
  await ask.get(`/sessions/${id}/assistant`).then(async (answer) => ask.keep(here, `/sessions/${id}/assistant`, await answer.text()), () => undefined);
  working.set(place("session", id), { done: entries.length, total: entries.length });
  return { ...sizes, entries: JSON.stringify(entries).length, session: detail.length };
}

/** What is here of a read, as the server would answer it; none where that cannot be told. */
export async function find(address: string): Promise<Response | undefined> {
  if (!(await some())) return undefined;
  const here = await cache();
  const kept = await here?.match(address, { ignoreVary: true });
  if (kept || !here) return kept;
  const url = new URL(address);
  const [, , , what, id, part] = url.pathname.split("/");
  if (what === "sessions" && id && part === "entries") {
    const found = await listed(here, "session", id);
    return found && made(entriesPage((found.list as Said).entries, url.searchParams), found.at);
  }
  const volume = url.searchParams.get("volume");
  return volume && isLibrary(url) ? rows(here, url, [volume]) : undefined;
}

/** Whether it is a list of the library, or its facets. Which volumes are a team's or one's own is not known here. */
const isLibrary = ({ pathname, searchParams }: URL) =>
  [`${API}/artifacts`, `${API}/artifacts/facets`].includes(pathname) && !searchParams.has("team") && !searchParams.has("whose");

/** The library without a choice of a volume, where it was never opened: what is here as a whole of any. */
export async function findSome(address: string): Promise<Response | undefined> {
  const url = new URL(address);
  if (!isLibrary(url) || url.searchParams.has("volume") || !(await some())) return undefined;
  const here = await cache();
  const volumes = (await pins()).filter((pin) => pin.kind === "volume").map((pin) => pin.id);
  return here && rows(here, url, volumes);
}

/** A list of the library over these volumes, or its facets; as old as the oldest of them. */
async function rows(here: Cache, url: URL, volumes: string[]): Promise<Response | undefined> {
  const items: Summary[] = [];
  let oldest = Infinity;
  for (const volume of volumes) {
    const found = await listed(here, "volume", volume);
    if (!found) continue;
    items.push(...(found.list as Rows).items);
    oldest = Math.min(oldest, found.at);
  }
  return oldest === Infinity ? undefined : made((url.pathname.endsWith("/facets") ? facets : libraryPage)(items, url.searchParams), oldest);
}

const made = (of: unknown, at: number) =>
  of === undefined ? undefined : new Response(JSON.stringify(of), { headers: { "content-type": "application/json", [KEPT_AT]: String(at) } });
