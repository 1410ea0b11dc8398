// Signing of releases: `src/browser/signing.rs` loads it, on pages where somebody signs or has keys.
import { find, forget, make, signed, unable, type Key } from "./keys";
import { base64, fromBase64, hex } from "./text";

/** What is signed of a release, as far as it is checked here. */
interface Statement {
  /** `sha256:` and the digest of the canonical archive in hex. */
  digest?: unknown;
  slug?: unknown;
  version?: unknown;
  /** The key that the statement is to be signed with. */
  publisherKey?: unknown;
}

/** What pages ask, as JSON. */
type Ask =
  | { act: "device"; account: string }
  | { act: "make"; account: string; instead: string }
  | { act: "forget"; account: string; keyId: string }
  | { act: "introduce"; account: string }
  | ({ act: "sign" } & Signing);

interface Signing {
  account: string;
  /** The address of the archive that is signed. */
  archive: string;
  /** What the page says that it is: slug and version. */
  release: string;
  payloadType: string;
  /** The statement, in base64. */
  payload: string;
}

/** One function for all that is asked, with JSON in and out: what calls it is in the first load. An error has a sentence for the person. */
export async function ask(text: string): Promise<string> {
  const asked = JSON.parse(text) as Ask;
  switch (asked.act) {
    case "device":
      return JSON.stringify(await device(asked.account));
    case "make":
      return JSON.stringify(await make(asked.account, asked.instead));
    case "forget":
      return JSON.stringify(await forget(asked.account, asked.keyId));
    case "introduce":
      return JSON.stringify(await introduce(asked.account));
    case "sign":
      return JSON.stringify(await sign(asked));
  }
}

/** How this device stands for an account: why it cannot sign, or its key, if it has one; and what it calls itself. */
async function device(account: string): Promise<{ unable?: string; key?: Key; agent: string }> {
  const why = await unable();
  return { unable: why, key: why ? undefined : await find(account), agent: navigator.userAgent };
}

const KEY_STATEMENT = "application/vnd.llmos.key+json";

/** The statement that this browser's key speaks for the account, signed by that key: nobody registers a stranger's. */
async function introduce(account: string): Promise<{ payload: string; keyId: string; signature: string }> {
  const own = await find(account);
  if (!own) throw new Error("There is no key of yours in this browser any more. Make a new one.");
  const statement = { account, key: own.publicKey, action: "add", at: `${new Date().toISOString().slice(0, 19)}Z` };
  const payload = new TextEncoder().encode(JSON.stringify(statement));
  const { keyId, signature } = await signed(account, encoded(KEY_STATEMENT, payload));
  return { payload: base64(payload), keyId, signature: base64(signature) };
}

/** Signs the statement of a release, after it has compared the digest in it with the archive. */
async function sign({ account, archive, release, payloadType, payload }: Signing): Promise<{ keyId: string; signature: string }> {
  const { bytes, statement } = read(payload);
  const own = await find(account);
  if (typeof statement.publisherKey === "string" && own && statement.publisherKey !== own.publicKey) {
    throw new Error("What is to be signed names another key than the one in this browser. Load the page again; nothing was signed.");
  }
  if (`${String(statement.slug)} ${String(statement.version)}` !== release) {
    throw new Error("What is to be signed is about another release than this page shows. Nothing was signed; tell an administrator.");
  }
  await compare(archive, statement.digest);
  const { keyId, signature } = await signed(account, encoded(payloadType, bytes));
  return { keyId, signature: base64(signature) };
}

function read(payload: string): { bytes: Uint8Array; statement: Statement } {
  try {
    const bytes = fromBase64(payload);
    const statement: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof statement === "object" && statement) return { bytes, statement };
  } catch {
    // Said below.
  }
  throw new Error("What is to be signed cannot be read. Load the page again; nothing was signed.");
}

/** The server says what is signed; the archive itself says whether that is so. */
async function compare(archive: string, digest: unknown): Promise<void> {
  const answer = await fetch(archive).catch(() => undefined);
  if (!answer?.ok) throw new Error("The archive could not be read, so it was not compared. Nothing was signed; try again.");
  const found = `sha256:${hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await answer.arrayBuffer())))}`;
  if (found !== digest) {
    throw new Error("The archive is not what the statement says: their digests differ. Nothing was signed; tell an administrator.");
  }
}

/** DSSE's pre-authentication encoding: "DSSEv1", then type and payload, each after its length in bytes. */
function encoded(payloadType: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder();
  const head = text.encode(`DSSEv1 ${text.encode(payloadType).length} ${payloadType} ${payload.length} `);
  const message = new Uint8Array(head.length + payload.length);
  message.set(head);
  message.set(payload, head.length);
  return message;
}
