// Hocuspocus as it comes, in memory: `node hocuspocus.mjs PORT`. What is told in its documents it tells everybody, as our rooms do.
import { Server } from "@hocuspocus/server";

const server = new Server({
  address: "127.0.0.1",
  port: Number(process.argv[2]),
  quiet: true,
  async onStateless({ document, payload }) {
    document.broadcastStateless(payload);
  },
});
await server.listen();
