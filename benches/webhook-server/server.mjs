// GitHub's own middleware, with each delivery in SQLite before it answers, as our server does: `node server.mjs PORT SECRET FILE`.
import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";
import Database from "better-sqlite3";

const [port, secret, file] = process.argv.slice(2);
const database = new Database(file);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE deliveries (guid TEXT PRIMARY KEY, event TEXT NOT NULL, payload TEXT NOT NULL, received_at INTEGER NOT NULL)");
const insert = database.prepare("INSERT INTO deliveries VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");

const webhooks = new Webhooks({ secret });
webhooks.onAny(({ id, name, payload }) => {
  insert.run(id, name, JSON.stringify(payload), Date.now());
});
createServer(createNodeMiddleware(webhooks, { path: "/webhook/github" })).listen(Number(port), "127.0.0.1");
