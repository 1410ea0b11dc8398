// Search on the device: keeps what a person may read in step with the server, and answers from it. The engine is crates/search-worker.
import init, { Device } from "../../target/search-worker/llmos_search_worker.js";
import type { Act, Call, Progress, Said, Standing } from "./messages";
import { type Database, type Model, drop, forget, keep, open, packed, unpacked } from "./store";

declare const ENGINE: string;

/** Documents in one request. */
const BATCH = 50;
/** After so many the index is written down: what was fetched before survives the end of the page. */
const SAVED_EACH = 1_000;
const FILES = ["config", "tokenizer", "pooling", "weights"] as const;

interface Manifest {
  places: unknown[];
  documents: [id: string, state: string][];
  leftOut: number;
  dimension: number;
  model?: { identity: string; name: string; bytes: number };
}

/** What is loaded: `at` tells whether another tab has come further since. */
interface Opened {
  user: string;
  at: number;
  identity: string | undefined;
  device: Device;
}

const engine = init({ module_or_path: ENGINE });
let opened: Opened | undefined;
let connected: { user: string; database: Database } | undefined;
let stopping = new AbortController();
/** While it is compared with the server, the index in memory is ahead of what is kept. */
let syncing = false;
/** One comparison after the other; and one reading of what is kept. */
let turn: Promise<unknown> = Promise.resolve();
let reading: Promise<unknown> = Promise.resolve();

/** The device's index and model, as they are kept; none when nothing is. */
function device(user: string, database: Database): Promise<Opened | undefined> {
  const read = reading.then(() => readDevice(user, database));
  reading = read.catch(() => undefined);
  return read;
}

async function readDevice(user: string, database: Database): Promise<Opened | undefined> {
  await engine;
  const head = await database.get("head", "head");
  if (!head) return;
  if (opened?.user === user && (syncing || opened.at === head.standing.at)) return opened;
  close();
  let device: Device;
  try {
    const kept = await database.get("kept", "kept");
    device = Device.restore(await unpacked(kept!.index));
  } catch {
    // Of another version, or damaged: it is made anew with the next comparison.
    await drop(database);
    return;
  }
  opened = { user, at: head.standing.at, identity: undefined, device };
  const model = await database.get("model", "model");
  if (model) use(opened, model);
  return opened;
}

function use(opened: Opened, model: Model): void {
  const { config, weights, tokenizer, pooling } = model.files;
  opened.device.setModel(model.name, config, weights, tokenizer, pooling);
  opened.identity = model.identity;
}

function close(): void {
  opened?.device.free();
  opened = undefined;
}

/** What `/api/v1` and this path would answer, as JSON; nothing when the device cannot tell. */
async function ask(user: string, path: string): Promise<string | undefined> {
  const began = performance.now();
  const database = await connection(user);
  try {
    const [ready, head] = [await device(user, database), await database.get("head", "head")];
    const asked = head && ready?.device.ask(path, head.places);
    if (!asked) return;
    const ids = asked.ids();
    const records = await Promise.all(ids.map((id) => database.get("records", id)));
    const answer = asked.show(records.filter((record) => record !== undefined), performance.now() - began);
    asked.free();
    return answer;
  } catch (error) {
    // It was closed because somebody forgets it elsewhere, or the browser let go of it.
    connected = undefined;
    throw error;
  }
}

/** Questions share one connection. */
async function connection(user: string): Promise<Database> {
  if (connected?.user !== user) {
    connected?.database.close();
    connected = { user, database: await open(user) };
  }
  return connected.database;
}

async function read(path: string, signal: AbortSignal): Promise<Response> {
  const answer = await fetch(`/api/v1${path}`, { signal });
  if (answer.ok) return answer;
  const told = (await answer.json().catch(() => ({}))) as { message?: string };
  throw new Error(told.message ?? "The server did not answer as expected. Try again later.");
}

/** The whole of an answer, while it comes. */
async function bytes(answer: Response, came: (bytes: number) => void): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const reader = answer.body!.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    came(value.length);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function fetchModel(wanted: NonNullable<Manifest["model"]>, signal: AbortSignal, tell: (progress: Progress) => void): Promise<Model> {
  let done = 0;
  const came = (length: number) => tell({ stage: "model", done: (done += length), total: wanted.bytes });
  const files: Partial<Record<(typeof FILES)[number], Uint8Array>> = {};
  for (const file of FILES) {
    const answer = await fetch(`/api/v1/search/offline/model/${file}`, { signal });
    // A model need not say how it is pooled.
    if (answer.status === 404 && file === "pooling") continue;
    if (!answer.ok) throw new Error("The model could not be fetched. Try again later.");
    files[file] = await bytes(answer, came);
  }
  const { config, weights, tokenizer, pooling } = files;
  if (!config || !weights || !tokenizer) throw new Error("The model could not be fetched. Try again later.");
  return { identity: wanted.identity, name: wanted.name, files: { config, weights, tokenizer, pooling }, bytes: done };
}

/** Brings the device to what the server has now. What is here already is not fetched again, and what arrived stays when it fails. */
async function sync(user: string, tell: (progress: Progress) => void): Promise<Standing> {
  const { signal } = stopping;
  const database = await open(user);
  try {
    const manifest = (await (await read("/search/offline", signal)).json()) as Manifest;
    let model = await database.get("model", "model");
    if (model && model.identity !== manifest.model?.identity) {
      await database.delete("model", "model");
      model = undefined;
    }
    if (manifest.model && !model) {
      model = await fetchModel(manifest.model, signal, tell);
      await database.put("model", model, "model");
    }
    const ready = await device(user, database);
    const held = (ready && (await database.get("kept", "kept"))?.held) ?? new Map<string, string>();
    const now: Opened = { user, at: Date.now(), identity: ready?.identity, device: ready?.device ?? new Device(manifest.dimension) };
    opened = now;
    syncing = true;
    if (model && now.identity !== model.identity) use(now, model);
    const save = async (): Promise<Standing> => {
      const index = await packed(now.device.snapshot() as Uint8Array<ArrayBuffer>);
      const bytes = index.size + (model?.bytes ?? 0) + (await size(database));
      const standing: Standing = { documents: held.size, leftOut: manifest.leftOut, bytes, meaning: model !== undefined, at: now.at };
      await keep(database, { places: JSON.stringify(manifest.places), standing }, { index, held });
      return standing;
    };
    try {
      await change(manifest, held, now.device, database, signal, tell, save);
    } catch (error) {
      await save();
      throw error;
    }
    return await save();
  } catch (error) {
    if (signal.aborted) throw new Error("Stopped. What has arrived is kept.");
    // What `fetch` throws when nobody answers.
    throw error instanceof TypeError ? new Error("The server cannot be reached. What has arrived is kept.") : error;
  } finally {
    syncing = false;
    database.close();
  }
}

/** Takes out what is no longer in the manifest, and in what is new or another. */
async function change(
  manifest: Manifest,
  held: Map<string, string>,
  index: Device,
  database: Database,
  signal: AbortSignal,
  tell: (progress: Progress) => void,
  save: () => Promise<Standing>,
): Promise<void> {
  const wanted = new Map(manifest.documents);
  for (const id of [...held.keys()]) {
    if (wanted.has(id)) continue;
    index.remove(id);
    held.delete(id);
    await database.delete("records", id);
  }
  const missing = manifest.documents.filter(([id, state]) => held.get(id) !== state).map(([id]) => id);
  for (let done = 0; done < missing.length; ) {
    tell({ stage: "documents", done, total: missing.length });
    const ids = missing.slice(done, done + BATCH);
    const text = await (await read(`/search/offline/documents?ids=${ids.join(",")}`, signal)).text();
    const records = database.transaction("records", "readwrite");
    for (const line of text.split("\n")) {
      if (!line) continue;
      index.put(line);
      // The index has them.
      const { vectors: _, ...record } = JSON.parse(line) as { id: string; state: string; vectors?: string };
      held.set(record.id, record.state);
      void records.store.put(JSON.stringify(record), record.id);
    }
    await records.done;
    done += ids.length;
    if (done % SAVED_EACH === 0) await save();
  }
  if (missing.length > 0) tell({ stage: "documents", done: missing.length, total: missing.length });
}

/** Bytes of the records, about: most of their characters take one. */
async function size(database: Database): Promise<number> {
  let bytes = 0;
  for (let cursor = await database.transaction("records").store.openCursor(); cursor; cursor = await cursor.continue()) bytes += cursor.value.length;
  return bytes;
}

async function standing(user: string): Promise<Standing | undefined> {
  const database = await open(user);
  try {
    return (await database.get("head", "head"))?.standing;
  } finally {
    database.close();
  }
}

/** One tab at a time; the others find what it fetched. */
function syncAlone(user: string, tell: (progress: Progress) => void): Promise<Standing | undefined> {
  stopping = new AbortController();
  return navigator.locks.request(`llmos-offline-${user}`, { ifAvailable: true }, (lock) => (lock ? sync(user, tell) : standing(user)));
}

function run(act: Act, tell: (progress: Progress) => void): Promise<unknown> {
  switch (act.act) {
    case "ask":
      return ask(act.user, act.path);
    case "sync":
      return syncAlone(act.user, tell);
    case "standing":
      return standing(act.user);
    case "forget":
      close();
      connected?.database.close();
      connected = undefined;
      return forget();
    case "stop":
      return Promise.resolve();
  }
}

addEventListener("message", (event: MessageEvent<Call>) => {
  const { number, ...act } = event.data;
  const say = (said: Said) => postMessage(said);
  const begin = () =>
    run(act, (progress) => say({ number, progress })).then(
      (answer) => say({ number, answer }),
      (error: unknown) => say({ number, failure: error instanceof Error ? error.message : String(error) }),
    );
  if (act.act === "stop" || act.act === "forget") stopping.abort();
  // Questions are answered meanwhile.
  if (act.act === "sync" || act.act === "forget") turn = turn.then(begin);
  else void begin();
});
