// Navigations: the server's page, or the empty one, on which the same WebAssembly puts every page together from what was kept.
import { matchPrecache } from "workbox-precaching";

import { isGateway, withNonce } from "./answers";
import { belongsTo, moment, setAside } from "./keeping";
import { ACCOUNT, isText } from "./names";
import { after } from "./reads";
import { draftOf, opened } from "./routes";

/** The address of the empty page. */
export const SHELL = "/shell";
/** Milliseconds that the server has for a page. Its reads have their own limit after that. */
const LIMIT = 8_000;
async function shell(): Promise<Response | undefined> {
  const kept = await matchPrecache(SHELL);
  if (!kept) return undefined;
  const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))));
  const { html, policy } = withNonce(await kept.text(), kept.headers.get("content-security-policy") ?? "", nonce);
  const headers = new Headers(kept.headers);
  for (const name of ["content-encoding", "content-length"]) headers.delete(name);
  headers.set("content-security-policy", policy);
  return new Response(html, { status: 200, headers });
}

export async function page(event: FetchEvent): Promise<Response> {
  const began = moment();
  const network = (async () => ((await event.preloadResponse) as Response | undefined) ?? fetch(event.request))();
  // Looked at below, or after the limit by nobody.
  network.catch(() => undefined);
  event.waitUntil(network.then((answer) => belongsTo(answer.headers.get(ACCOUNT), began)).catch(() => undefined));
  const answer = await Promise.race([network.catch(() => undefined), after(LIMIT)]);
  // A sign-in page of a proxy is for the person to see; that a proxy found nobody is not.
  if (answer && !isGateway(answer)) return answer;
  return (await shell()) ?? answer ?? network;
}

/** A link of our own protocol. */
export const open = (url: URL) => Response.redirect(opened(url.searchParams.get("link")), 302);

/** What another app shares becomes the beginning of an artifact, which the person still has to make. */
export async function share(request: Request): Promise<Response> {
  const form = await request.formData();
  const text = (name: string) => ((value) => (typeof value === "string" ? value : ""))(form.get(name));
  const files = form.getAll("files").filter((file) => file instanceof File) as File[];
  const read = await Promise.all(files.filter(isText).map(async (file) => ({ name: file.name, text: await file.text() })));
  const left = files.filter((file) => !isText(file)).map((file) => file.name);
  const id = await setAside({ ...draftOf(text("title"), text("text"), text("url"), read), left });
  return Response.redirect(`/artifacts/new?shared=${id}`, 303);
}
