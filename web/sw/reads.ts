// Reads below /api/v1: the server first, and what was kept where it is out of reach or slow.
import { givenAt, isPicture, lostTeam, verdictOf } from "./answers";
import { badge, UNREAD } from "./badge";
import { belongsTo, drop, empty, find, forgetDatabases, keep, moment, whose } from "./keeping";
import { ACCOUNT, type Came, KEPT_AT, PICTURES, READS, type Tells, TEXTS } from "./names";
import * as pins from "./pins";
import { isRead } from "./routes";

declare const self: ServiceWorkerGlobalScope;

/** Milliseconds that the server has while there is something older to show. */
const LIMIT = 8_000;
const API = "/api/v1";
/** Who one is, with one's teams. */
const ME = `${API}/me`;

/** How old what a page shows is: the oldest that it was given since the server last answered it; null: it is as the server says. By the page's id. */
const shown = new Map<string, number | null>();

export const standing = (page: string) => shown.get(page) ?? null;

async function tell(page: string, keptAt: number | null): Promise<void> {
  const before = shown.get(page);
  const now = keptAt === null || before == null ? keptAt : Math.min(before, keptAt);
  // A page that this worker does not know is told in any case: the browser may have stopped the worker that told it something older.
  if (now === before) return;
  shown.set(page, now);
  const message: Tells = { keptAt: now };
  (await self.clients.get(page))?.postMessage(message);
  if (before === undefined) await forgetClosed();
}

/** Pages that were closed are forgotten when another one comes: a worker may run for as long as any page is open. */
async function forgetClosed(): Promise<void> {
  const open = new Set((await self.clients.matchAll({ type: "all" })).map(({ id }) => id));
  for (const page of shown.keys()) if (!open.has(page)) shown.delete(page);
}

export const after = (milliseconds: number) => new Promise<undefined>((done) => setTimeout(() => done(undefined), milliseconds));

/** The server's answer, kept if it may be; none where nobody of ours answered. */
async function ask(event: FetchEvent): Promise<Response | undefined> {
  const { request } = event;
  const began = moment();
  const answer = await fetch(request).catch(() => undefined);
  if (!answer) return undefined;
  const verdict = verdictOf(answer);
  // The sentence of a gateway is for the page, which knows what it means.
  if (verdict === "foreign") return answer.status >= 500 ? answer : undefined;
  const account = answer.headers.get(ACCOUNT);
  const copy = answer.clone();
  event.waitUntil(
    (async () => {
      await belongsTo(account, began);
      if (verdict === "gone") await drop(request.url);
      if (verdict !== "keep" || account !== (await whose())) return;
      await take(account, request.url, copy, moment());
    })().catch(() => undefined),
  );
  return answer;
}

/**
 * Keeps what the server answered `account`, unless somebody signed out since `began`, and looks at what that means for what is here. `page`: who has the answer
 * already, and shows nothing older.
 */
async function take(account: string, url: string, answer: Response, began: number, page?: string): Promise<void> {
  const { pathname } = new URL(url);
  const lost = pathname === ME && (await hasLostTeam(url, answer.clone()));
  if (lost) await forgetTeam(account, page);
  if (pathname === UNREAD) await badge(answer.clone()).catch(() => undefined);
  await keep(READS, account, url, answer, lost ? moment() : began);
}

/** What the server put into a page is taken as if the page had asked for it. */
export async function cameAlong({ account, at, answers }: Came, page: string | undefined): Promise<void> {
  await belongsTo(account, moment());
  const headers = { "content-type": "application/json", [ACCOUNT]: account, date: new Date(at).toUTCString() };
  const came: [url: string, text: string][] = [];
  for (let index = 0; index + 1 < answers.length; index += 2) came.push([new URL(API + answers[index], self.location.origin).href, answers[index + 1] ?? ""]);
  // Who one is comes first: what was kept of a team that is lost goes before the rest is put there.
  const first = ([url]: [string, string]) => Number(new URL(url).pathname !== ME);
  for (const [url, text] of came.sort((one, other) => first(one) - first(other))) {
    // Somebody signed out meanwhile.
    if (account !== (await whose())) return;
    const began = moment();
    if (!isRead(new URL(url).pathname)) continue;
    const answer = new Response(text, { headers });
    const before = await find(READS, url);
    if (before && Number(before.headers.get(KEPT_AT)) >= givenAt(answer.headers, at)) continue;
    await take(account, url, answer, began, page).catch(() => undefined);
  }
}

/** Nothing that was kept counts any more. What somebody wanted to have here is fetched anew, as far as they still may. */
async function forgetTeam(account: string, page: string | undefined): Promise<void> {
  const wanted = await pins.pins().catch(() => []);
  await empty();
  await belongsTo(account, moment());
  await forgetDatabases(TEXTS);
  for (const window of await self.clients.matchAll({ type: "window" })) window.postMessage({ lost: true, stale: window.id !== page } satisfies Tells);
  void pins.again(wanted).catch(() => undefined);
}

async function hasLostTeam(url: string, now: Response): Promise<boolean> {
  const before = await find(READS, url);
  return before ? lostTeam(await before.json(), await now.json()) : false;
}

/** The newest that is here. */
async function here(url: string): Promise<Response | undefined> {
  const [seen, pinned] = await Promise.all([find(READS, url), pins.find(url).catch(() => undefined)]);
  const at = (answer: Response) => Number(answer.headers.get(KEPT_AT));
  if (!seen && !pinned) return pins.findSome(url);
  return seen && pinned ? (at(pinned) > at(seen) ? pinned : seen) : (seen ?? pinned);
}

export async function read(event: FetchEvent): Promise<Response> {
  // What is here is looked for while the server is asked, not before.
  const network = ask(event);
  event.waitUntil(network);
  const older = here(event.request.url).catch(() => undefined);
  const answer = await Promise.race([network, after(LIMIT).then(async () => ((await older) ? undefined : network))]);
  const foreign = answer && !answer.headers.has(ACCOUNT);
  if (answer && !(foreign && (await older))) {
    if (!foreign) event.waitUntil(tell(event.clientId, null));
    return answer;
  }
  const kept = await older;
  if (!kept) return Response.error();
  event.waitUntil(tell(event.clientId, Number(kept.headers.get(KEPT_AT)) || Date.now()));
  return kept;
}

/** Pictures: what is kept at once, and the server's for the next time. */
export async function picture(event: FetchEvent): Promise<Response> {
  const { request } = event;
  const older = await find(PICTURES, request.url);
  const began = moment();
  const network = fetch(request).then(async (answer) => {
    if (isPicture(answer)) event.waitUntil(keep(PICTURES, await whose(), request.url, answer.clone(), began).catch(() => undefined));
    return answer;
  });
  if (!older) return network;
  event.waitUntil(network.catch(() => undefined));
  return older;
}
