// Reads below /api/v1: the server first, and what was kept where it is out of reach or slow.
import { isPicture, lostTeam, verdictOf } from "./answers";
import { badge, UNREAD } from "./badge";
import { belongsTo, drop, empty, find, forgetDatabases, keep, moment, whose } from "./keeping";
import { ACCOUNT, KEPT_AT, PICTURES, READS, type Tells, TEXTS } from "./names";
import * as pins from "./pins";

declare const self: ServiceWorkerGlobalScope;

/** Milliseconds that the server has while there is something older to show. */
const LIMIT = 8_000;

/** How old what a page shows is: the oldest that it was given since the server last answered it. By the page's id. */
const shown = new Map<string, number>();

export const standing = (page: string) => shown.get(page) ?? null;

async function tell(page: string, keptAt: number | null): Promise<void> {
  const before = standing(page);
  const now = keptAt === null || before === null ? keptAt : Math.min(before, keptAt);
  if (now === before) return;
  if (now === null) shown.delete(page);
  else shown.set(page, now);
  const message: Tells = { keptAt: now };
  (await self.clients.get(page))?.postMessage(message);
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
      const { pathname } = new URL(request.url);
      const lost = pathname === "/api/v1/me" && (await hasLostTeam(request.url, copy.clone()));
      if (lost) await forgetTeam(account);
      if (pathname === UNREAD) await badge(copy.clone()).catch(() => undefined);
      await keep(READS, account, request.url, copy, moment());
    })().catch(() => undefined),
  );
  return answer;
}

/** Nothing that was kept counts any more. What somebody wanted to have here is fetched anew, as far as they still may. */
async function forgetTeam(account: string): Promise<void> {
  const wanted = await pins.pins().catch(() => []);
  await empty();
  await belongsTo(account, moment());
  await forgetDatabases(TEXTS);
  for (const window of await self.clients.matchAll({ type: "window" })) window.postMessage({ lost: true } satisfies Tells);
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
  return seen && pinned ? (at(pinned) > at(seen) ? pinned : seen) : (seen ?? pinned);
}

export async function read(event: FetchEvent): Promise<Response> {
  const older = await here(event.request.url);
  const network = ask(event);
  event.waitUntil(network);
  const answer = older ? await Promise.race([network, after(LIMIT)]) : await network;
  const foreign = answer && !answer.headers.has(ACCOUNT);
  if (answer && !(foreign && older)) {
    if (!foreign) event.waitUntil(tell(event.clientId, null));
    return answer;
  }
  if (!older) return Response.error();
  event.waitUntil(tell(event.clientId, Number(older.headers.get(KEPT_AT)) || Date.now()));
  return older;
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
