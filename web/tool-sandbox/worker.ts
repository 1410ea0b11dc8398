// What stands around a tool's code in its worker. It is written out as text: the policy of the frame allows no `eval`, and the worker knows no
// address of ours.

/** The whole worker. Code that leaves its function by a brace is in the same worker still, behind the same policy. */
export const script = (code: string) => `"use strict";(${around})(function(){\n${code}\n;return typeof main==="function"?main:undefined});`;

/** Runs in the worker, before the code: takes away what a tool does not need, counts memory, runs `main` once and says what came of it. */
function around(load: () => ((inputs: unknown) => unknown) | undefined) {
  const MEMORY = 128 * 1024 * 1024;
  const LINES = 200;
  const LINE = 2_000;
  const scope = globalThis as unknown as Record<string, unknown> & { close(): void; postMessage(said: string): void };
  const say = scope.postMessage.bind(globalThis);
  const close = scope.close.bind(globalThis);
  const [stringify, parse] = [JSON.stringify, JSON.parse];
  const lines: string[] = [];
  let over = false;
  const end = (said: { outputs?: string; error?: string }) => {
    if (over) return;
    over = true;
    say(stringify({ ...said, lines }));
    close();
  };

  // Defence in depth: none of it could get past the policy or find anything in an origin of its own.
  const unneeded =
    "importScripts Worker SharedWorker indexedDB caches BroadcastChannel WebSocket WebSocketStream WebTransport EventSource XMLHttpRequest " +
    "RTCPeerConnection Notification FileReaderSync SharedArrayBuffer Atomics WebAssembly OffscreenCanvas createImageBitmap ImageData " +
    "postMessage close webkitRequestFileSystem webkitResolveLocalFileSystemURL webkitRequestFileSystemSync cookieStore locks storage";
  for (const name of unneeded.split(" ")) {
    for (let holder: object | null = globalThis; holder; holder = Object.getPrototypeOf(holder)) Reflect.deleteProperty(holder, name);
    Object.defineProperty(globalThis, name, { value: undefined, configurable: false, writable: false });
  }
  Object.defineProperty(globalThis, "navigator", { value: Object.freeze({}), configurable: false, writable: false });

  // Only what is asked for by buffers can be counted; what is collected is given back.
  let used = 0;
  const freed = new FinalizationRegistry<number>((bytes) => (used -= bytes));
  const take = (bytes: number) => {
    if (!(used + bytes <= MEMORY)) {
      end({ error: "The tool was ended: it asked for more than 128 MB of memory." });
      throw new RangeError("More than 128 MB of memory");
    }
  };
  const counted = (name: string) => {
    const original = scope[name] as (new (...given: unknown[]) => { byteLength: number }) & { BYTES_PER_ELEMENT?: number; prototype: object };
    if (typeof original !== "function") return;
    const size = (first: unknown, second: unknown): number => {
      const length = typeof first === "object" && first !== null ? (Reflect.get(first, "buffer") || first instanceof ArrayBuffer ? 0 : Number(Reflect.get(first, "length") ?? 0)) : Number(first ?? 0);
      const most = typeof second === "object" && second !== null ? Number(Reflect.get(second, "maxByteLength") ?? 0) : 0;
      return Math.max(length || 0, most || 0) * (original.BYTES_PER_ELEMENT ?? 1);
    };
    const proxy = new Proxy(original, {
      construct(target, given, as) {
        const asked = size(given[0], given[1]);
        take(asked);
        const made = Reflect.construct(target, given, as) as { byteLength: number };
        if (!(given[0] instanceof ArrayBuffer)) {
          const bytes = Math.max(asked, made.byteLength);
          take(bytes);
          used += bytes;
          freed.register(made, bytes);
        }
        return made;
      },
    });
    Object.defineProperty(original.prototype, "constructor", { value: proxy });
    Object.defineProperty(globalThis, name, { value: proxy });
  };
  const arrays = "Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Float16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array";
  for (const name of `ArrayBuffer ${arrays}`.split(" ")) counted(name);

  const shown = (value: unknown) => {
    if (typeof value === "string") return value.slice(0, LINE);
    try {
      return String(value instanceof Error ? value : (stringify(value) ?? value)).slice(0, LINE);
    } catch {
      return "(cannot be shown)";
    }
  };
  const print = (...values: unknown[]) => void (lines.length < LINES && lines.push(values.map(shown).join(" ").slice(0, LINE)));
  Object.defineProperty(globalThis, "console", { value: { log: print, info: print, warn: print, error: print, debug: print } });

  const failed = (error: unknown) => end({ error: `The tool failed: ${error instanceof Error ? shown(error.message) : shown(error)}` });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    failed((event as PromiseRejectionEvent).reason);
  });
  globalThis.addEventListener(
    "message",
    async (event) => {
      try {
        const main = load();
        if (!main) return end({ error: "The tool does not define main(inputs)." });
        const given = parse((event as MessageEvent<string>).data);
        const outputs = await main(given);
        let text: string | undefined;
        try {
          text = stringify(outputs);
        } catch {
          // Cycles and large integers.
        }
        if (text === undefined) return end({ error: "The tool's outputs are no JSON. Let main return a value that can be written as JSON." });
        if (text.length > 1024 * 1024) return end({ error: "The tool's outputs are longer than 1 MB. Let it return less." });
        end({ outputs: text });
      } catch (error) {
        failed(error);
      }
    },
    { once: true },
  );
}
