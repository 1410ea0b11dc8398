// Passkeys (WebAuthn): `src/browser/passkey.rs` loads it, on pages where one signs in, confirms, or adds a passkey. JSON in both directions, as
// `parseCreationOptionsFromJSON` and `toJSON` have it, which not every browser knows yet that is supported here.
import { base64url, fromBase64 } from "../signing/text";

interface Described {
  type: "public-key";
  id: string;
  transports?: AuthenticatorTransport[];
}

interface CreationOptions extends Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> {
  challenge: string;
  user: { id: string; name: string; displayName: string };
  excludeCredentials?: Described[];
}

interface RequestOptions extends Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> {
  challenge: string;
  allowCredentials?: Described[];
}

/** What pages ask, as JSON. */
type Ask = { act: "create"; options: { publicKey: CreationOptions } } | { act: "get"; options: { publicKey: RequestOptions } };

const bytes = (text: string) => fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
const text = (buffer: ArrayBuffer) => base64url(new Uint8Array(buffer));
const described = (list: Described[] = []) => list.map((one) => ({ ...one, id: bytes(one.id) }));

/** One function for all that is asked, with JSON in and out: what calls it is in the first load. An error has a sentence for the person. */
export async function ask(asked: string): Promise<string> {
  if (!("credentials" in navigator) || !("PublicKeyCredential" in globalThis)) {
    throw new Error("This browser has no passkeys. Current versions of Chrome, Edge, Firefox and Safari do, on pages that come over https.");
  }
  const what = JSON.parse(asked) as Ask;
  return JSON.stringify(what.act === "create" ? await create(what.options.publicKey) : await get(what.options.publicKey));
}

/** What went wrong, in words that help. */
function said(error: unknown): Error {
  switch (error instanceof DOMException ? error.name : "") {
    case "InvalidStateError":
      return new Error("This device has a passkey of yours for this server already.");
    case "SecurityError":
      return new Error("The browser makes no passkeys for this address. Open the server by its own name, over https.");
    case "NotSupportedError":
      return new Error("This device cannot make a passkey that this server takes.");
    default:
      // Cancelled, too late, or no fitting passkey: browsers do not tell which.
      return new Error("Nothing came of it: it was cancelled, or this device has no passkey for this server. Try again, or choose another way.");
  }
}

async function create(options: CreationOptions): Promise<unknown> {
  const publicKey: PublicKeyCredentialCreationOptions = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: described(options.excludeCredentials),
  };
  const made = (await navigator.credentials.create({ publicKey }).catch((error: unknown) => Promise.reject(said(error)))) as PublicKeyCredential | null;
  if (!made) throw said(undefined);
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    response: { attestationObject: text(response.attestationObject), clientDataJSON: text(response.clientDataJSON) },
    clientExtensionResults: {},
  };
}

async function get(options: RequestOptions): Promise<unknown> {
  const publicKey: PublicKeyCredentialRequestOptions = { ...options, challenge: bytes(options.challenge), allowCredentials: described(options.allowCredentials) };
  const found = (await navigator.credentials.get({ publicKey }).catch((error: unknown) => Promise.reject(said(error)))) as PublicKeyCredential | null;
  if (!found) throw said(undefined);
  const response = found.response as AuthenticatorAssertionResponse;
  return {
    id: found.id,
    rawId: text(found.rawId),
    type: found.type,
    response: {
      authenticatorData: text(response.authenticatorData),
      clientDataJSON: text(response.clientDataJSON),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
    clientExtensionResults: {},
  };
}
