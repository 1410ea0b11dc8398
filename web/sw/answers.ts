// What an answer is worth. Pure, as far as an answer is.
import { ACCOUNT, KEPT_AT, KEPT_BYTES } from "./names";

/**
 * `foreign`: it did not come from our server (a proxy's sign-in page with status 200, its error, a half of an answer), so nobody was reached.
 * `gone`: one may not see it any more. `keep`: it may be shown again without a network. `pass`: it is an answer, and that is all.
 */
export type Verdict = "foreign" | "gone" | "keep" | "pass";

/** Of a read below `/api/v1`. */
export function verdictOf(answer: Pick<Response, "status" | "type" | "redirected" | "headers">): Verdict {
  const { status, headers } = answer;
  const type = headers.get("content-type") ?? "";
  if (!headers.has(ACCOUNT) || answer.redirected || type.startsWith("text/html")) return "foreign";
  if ([401, 403, 404, 410].includes(status)) return "gone";
  // A part of something, or what our server itself does not want to be kept.
  const keepable = status === 200 && (answer.type === "basic" || answer.type === "default") && !/no-store/.test(headers.get("cache-control") ?? "");
  return keepable ? "keep" : "pass";
}

/** Whether a picture may be kept. */
export function isPicture(answer: Pick<Response, "status" | "type" | "redirected" | "headers">): boolean {
  return answer.status === 200 && answer.type === "basic" && !answer.redirected && (answer.headers.get("content-type") ?? "").startsWith("image/");
}

/** What the proxy before the server says when there is none behind it. Our own server's 503 (it is busy) is its answer. */
export const isGateway = (answer: Pick<Response, "status" | "headers">) => [502, 503, 504].includes(answer.status) && !answer.headers.has(ACCOUNT);

/** When the server gave an answer, by its own clock: that of the device may be off by days. */
export function givenAt(headers: Headers, now: number): number {
  const date = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? now : date;
}

/** An answer as it is kept. Its body is here in full, or this fails: what was cut off on the way never gets into a cache. */
export async function kept(answer: Response, now: number): Promise<Response> {
  const body = await answer.arrayBuffer();
  const headers = new Headers(answer.headers);
  const length = Number(headers.get("content-length"));
  if (length && !headers.has("content-encoding") && length !== body.byteLength) throw new Error("cut off");
  for (const name of ["content-encoding", "content-length", "vary"]) headers.delete(name);
  headers.set(KEPT_AT, String(givenAt(answer.headers, now)));
  headers.set(KEPT_BYTES, String(body.byteLength));
  return new Response(body, { status: 200, headers });
}

/** Whether somebody who had `before` has lost a team (`GET /me`): then nothing that was kept for them counts any more. */
export function lostTeam(before: unknown, now: unknown): boolean {
  const teams = (me: unknown) => new Set(((me as { teams?: { id: string }[] } | null)?.teams ?? []).map((team) => team.id));
  const left = teams(now);
  return [...teams(before)].some((id) => !left.has(id));
}

/** The empty page with another nonce, in its text and in its policy: a kept one would be the same for months. */
export function withNonce(html: string, policy: string, nonce: string): { html: string; policy: string } {
  const before = /'nonce-([^']+)'/.exec(policy)?.[1];
  if (!before) return { html, policy };
  return { html: html.replaceAll(`nonce="${before}"`, `nonce="${nonce}"`), policy: policy.replaceAll(`'nonce-${before}'`, `'nonce-${nonce}'`) };
}
