// Stock Yjs clients, as npm has them (yjs, y-websocket), in Node and without a browser. They edit one artifact at random, lose their
// connections, and the server is killed under them and started again. In the end all have the same text, the draft holds it, and
// nothing that the server said is on its disk was ever gone.
//
// LLMOS_YJS_STEPS says how long; what is random comes from LLMOS_SEED, which a failure names.
import { expect, test } from "@playwright/test";
import { Server } from "../fixtures/server.js";
import * as decoding from "lib0/decoding";
import WebSocket from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

const STEPS = Number(process.env.LLMOS_YJS_STEPS ?? 600);
const CLIENTS = 4;
const FIRST = "---\nname: shared\ndescription: What we write together.\n---\n\nThe first line.\n";
/** Message 100 of docs/protocol.md: the state vector that is on disk. */
const SAVED = 100;

/** A stock client. The one thing of its own: it notes what the server says is on disk. */
class Client {
  readonly doc = new Y.Doc();
  readonly provider: WebsocketProvider;
  saved = new Map<number, number>();

  constructor(server: string, artifact: string, token: string) {
    this.provider = new WebsocketProvider(`ws://${server}/ws/doc`, artifact, this.doc, {
      params: { token, ack: "1" },
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
    });
    this.provider.messageHandlers[SAVED] = (_encoder, decoder) => {
      this.saved = Y.decodeStateVector(decoding.readVarUint8Array(decoder));
    };
  }

  get text() {
    return this.doc.getText("content").toString();
  }

  get vector() {
    return Y.decodeStateVector(Y.encodeStateVector(this.doc));
  }

  get synced() {
    return this.provider.wsconnected && this.provider.synced;
  }

  /** The connection breaks, without a goodbye. */
  cut() {
    (this.provider.ws as unknown as WebSocket | null)?.terminate();
  }
}

/** Mulberry32. */
function chance(seed: number) {
  return (below: number) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** What `more` knows and `less` does not. */
function beyond(more: Map<number, number>, less: Map<number, number>) {
  return [...more].filter(([client, clock]) => clock > (less.get(client) ?? 0));
}

/** Inserts or deletes somewhere, also in the middle of a character of two units: nothing keeps a client from that. */
function edit(text: Y.Text, below: (bound: number) => number) {
  const at = below(text.length + 1);
  if (below(100) < 35 && at < text.length) {
    text.delete(at, Math.min(1 + below(8), text.length - at));
  } else {
    text.insert(at, ["a", "bc ", "\n", "ä🦀", "word ", "# line\n", "👩‍🚀"][below(7)]);
  }
}

/** A server with one artifact in a team, and as many agents that may write there. */
async function begin(agents: number) {
  const server = await Server.start();
  await server.api("POST", "/sign-up", { name: "Maya", email: "maya@harbor.example", password: "harbor bridge lantern" });
  const team = await server.api<{ id: string }>("POST", "/teams", { name: "Harbor" });
  const volumes = await server.api<{ id: string; team: string | null }[]>("GET", "/volumes");
  const volumeId = volumes.find((volume) => volume.team === team.id)!.id;
  const made = await server.api<{ summary: { id: string } }>("POST", "/artifacts", { volumeId, kind: "skill", name: "shared", text: FIRST });
  const tokens: string[] = [];
  for (let number = 0; number < agents; number++) {
    const agent = await server.api<{ person: { id: string } }>("POST", `/teams/${team.id}/agents`, { name: `agent ${number}`, role: "member" });
    const token = await server.api<{ secret: string }>("POST", `/teams/${team.id}/agents/${agent.person.id}/tokens`, { name: "yjs", scopes: ["read", "write"] });
    tokens.push(token.secret);
  }
  return { server, artifact: made.summary.id, tokens };
}

test("stock Yjs clients converge, whatever happens to the network and to the server", async () => {
  test.setTimeout(120_000 + STEPS * 200);
  const seed = Number(process.env.LLMOS_SEED ?? Date.now() % 1_000_000);
  const below = chance(seed);
  const { server, artifact, tokens } = await begin(CLIENTS);
  const clients = tokens.map((token) => new Client(server.address, artifact, token));
  const named = `LLMOS_SEED=${seed} LLMOS_YJS_STEPS=${STEPS}`;
  try {
    // Nobody writes before the first sync: the server begins the document.
    await expect.poll(() => clients.every((client) => client.text === FIRST), { timeout: 30_000, message: named }).toBe(true);
    let kills = 0;
    for (let step = 0; step < STEPS; step++) {
      const client = clients[below(CLIENTS)];
      const what = below(1000);
      if (what < 800) edit(client.doc.getText("content"), below);
      else if (what < 860) client.cut();
      else if (what < 900) client.provider.disconnect();
      else if (what < 985) client.provider.connect();
      else if (what < 990 || (step > STEPS / 2 && kills === 0)) {
        const acknowledged = clients.map((client) => client.saved);
        await server.kill();
        kills++;
        await server.begin();
        const witness = new Client(server.address, artifact, tokens[0]);
        await expect.poll(() => witness.synced, { timeout: 30_000, message: named }).toBe(true);
        for (const saved of acknowledged) expect(beyond(saved, witness.vector), `${named}, step ${step}: gone after a kill`).toEqual([]);
        witness.provider.destroy();
      }
      if (below(4) === 0) await new Promise((resolve) => setTimeout(resolve, below(30)));
    }
    expect(kills, named).toBeGreaterThan(0);
    // The network is well again: everybody comes back, and has the same.
    for (const client of clients) client.provider.connect();
    await expect
      .poll(() => clients.every((client) => client.synced && beyond(clients[0].vector, client.vector).length + beyond(client.vector, clients[0].vector).length === 0), {
        timeout: 60_000,
        message: `${named}: all know the same`,
      })
      .toBe(true);
    await expect.poll(() => clients.flatMap((client) => beyond(client.vector, client.saved)), { timeout: 30_000, message: `${named}: all of it is on disk` }).toEqual([]);
    const { text: now } = await server.api<{ text: string }>("GET", `/artifacts/${artifact}`);
    for (const client of clients) expect(client.text, named).toBe(now);
  } finally {
    for (const client of clients) client.provider.destroy();
    await server.end();
  }
});
