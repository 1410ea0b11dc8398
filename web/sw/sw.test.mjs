import assert from "node:assert/strict";
import test from "node:test";
import { givenAt, isGateway, isPicture, kept, lostTeam, verdictOf, withNonce } from "./answers";
import { ACCOUNT, KEPT_AT } from "./names";
import { draftOf, kindOf, opened } from "./routes";

const HERE = "https://harbor.example";
const FILES = new Set(["/pkg/llmos.0a1b.js", "/icons.svg", "/shell"]);
const kind = (address, { method = "GET", navigation = false } = {}) => kindOf({ method, url: new URL(address, HERE), navigation }, HERE, FILES);

test("what is kept is listed, and nothing else", () => {
  for (const path of ["me", "instance", "artifacts?limit=50&q=a", "artifacts/0192", "artifacts/0192/text", "sessions/0192/entries?after=3", "teams/0192/members", "marketplace/listings/dcf", "analytics?range=30d", "analytics/forecast?range=30d"])
    assert.equal(kind(`/api/v1/${path}`), "read", path);
  for (const path of ["me/tokens", "me/sign-ins", "me/export", "teams/0192/audit", "teams/0192/keys", "teams/0192/invitations", "admin/users", "volumes/0192/export", "search?q=a", "search/offline", "jobs/0192", "webhooks/deliveries", "invitations/secret", "password-links/secret", "sessions/0192/attachments/1", "artifacts/0192/download", "marketplace/keys", "analytics/shares", "analytics/shared/secret"])
    assert.equal(kind(`/api/v1/${path}`), undefined, path);
});

test("changes, other sites and what is no page are left alone", () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) assert.equal(kind("/api/v1/sessions", { method }), undefined);
  assert.equal(kind("https://elsewhere.example/api/v1/me"), undefined);
  assert.equal(kind("https://elsewhere.example/", { navigation: true }), undefined);
  for (const path of ["/api/docs", "/auth/github", "/git/a/b.git/info/refs", "/frames/tool", "/sw.js", "/unsubscribe?t=1", "/manifest.webmanifest", "/shell"])
    assert.equal(kind(path, { navigation: true }), undefined, path);
  assert.equal(kind("/share", { method: "POST" }), undefined);
});

test("pages, files, pictures and what comes from other apps", () => {
  for (const path of ["/", "/sessions/0192", "/artifacts/0192?tab=edit", "/marketplace/dcf-valuation", "/login"]) assert.equal(kind(path, { navigation: true }), "page", path);
  assert.equal(kind("/pkg/llmos.0a1b.js"), "asset");
  // Another build's, for a window that is one of its.
  assert.equal(kind("/pkg/llmos.ffff.js"), "asset");
  assert.equal(kind("/pkg/llmos.ffff.js", { navigation: true }), undefined);
  assert.equal(kind("/avatars/0192/abcd"), "picture");
  assert.equal(kind("/share", { method: "POST", navigation: true }), "share");
  assert.equal(kind("/open?link=web%2Bllmos:sessions", { navigation: true }), "open");
});

test("links of our protocol lead to pages of ours", () => {
  assert.equal(opened("web+llmos:artifacts/0192?tab=edit"), "/artifacts/0192?tab=edit");
  assert.equal(opened("web+llmos://sessions"), "/sessions");
  for (const link of [null, "", "https://evil.example", "web+llmos:a//b", "web+llmos:a\r\nb"]) assert.equal(opened(link), "/");
  assert.equal(opened("web+llmos:\\\\evil.example"), "/evil.example");
});

test("what is shared becomes the beginning of an artifact", () => {
  assert.deepEqual(draftOf("A way to review", "Read the tests first.", "https://a.example/x", []), { name: "A way to review", text: "Read the tests first.\n\nhttps://a.example/x" });
  assert.deepEqual(draftOf("", "See https://a.example/x", "https://a.example/x", []), { name: "", text: "See https://a.example/x" });
  assert.deepEqual(draftOf("", "", "", [{ name: "night-watch.md", text: "Look twice.\n" }]), { name: "night-watch", text: "Look twice." });
  assert.equal(draftOf("", "", "", [{ name: "a.md", text: "intro\n# The night watch\n" }]).name, "The night watch");
});

const answer = (headers = {}, { status = 200, type = "basic", redirected = false } = {}) => ({ status, type, redirected, headers: new Headers({ "content-type": "application/json", [ACCOUNT]: "0192", ...headers }) });
const without = (reply) => (reply.headers.delete(ACCOUNT), reply);

test("an answer that is not our server's counts as none", () => {
  assert.equal(verdictOf(answer()), "keep");
  assert.equal(verdictOf(without(answer())), "foreign");
  assert.equal(verdictOf(answer({ "content-type": "text/html; charset=utf-8" })), "foreign");
  assert.equal(verdictOf(answer({}, { redirected: true })), "foreign");
  assert.equal(verdictOf(without(answer({}, { status: 502 }))), "foreign");
  assert.ok(isGateway(without(answer({}, { status: 503 }))) && !isGateway(answer({}, { status: 503 })) && !isGateway(without(answer({}, { status: 200 }))));
});

test("parts, opaque answers and what the server wants forgotten are not kept", () => {
  assert.equal(verdictOf(answer({}, { status: 206 })), "pass");
  assert.equal(verdictOf(answer({}, { type: "opaque" })), "pass");
  assert.equal(verdictOf(answer({ "cache-control": "private, no-store" })), "pass");
  assert.equal(verdictOf(answer({}, { status: 429 })), "pass");
  for (const status of [401, 403, 404, 410]) assert.equal(verdictOf(answer({}, { status })), "gone");
  assert.ok(isPicture(answer({ "content-type": "image/webp" })) && !isPicture(answer()) && !isPicture(answer({ "content-type": "image/webp" }, { status: 206 })));
});

test("what is kept has the server's time, and is whole", async () => {
  const date = "Sun, 29 Nov 2026 09:12:00 GMT";
  const stored = await kept(new Response("{}", { headers: { "content-type": "application/json", date, vary: "accept-encoding" } }), 5);
  assert.equal(Number(stored.headers.get(KEPT_AT)), Date.parse(date));
  assert.equal(stored.headers.get("vary"), null);
  assert.equal(givenAt(new Headers(), 5), 5);
  await assert.rejects(kept(new Response("{", { headers: { "content-length": "2" } }), 5));
  // Its length is that of what was compressed.
  assert.equal(await (await kept(new Response("{}", { headers: { "content-length": "22", "content-encoding": "br" } }), 5)).text(), "{}");
});

test("who loses a team loses what was kept", () => {
  const me = (...ids) => ({ teams: ids.map((id) => ({ id })) });
  assert.equal(lostTeam(me("a", "b"), me("b")), true);
  assert.equal(lostTeam(me("a"), me("a", "b")), false);
  assert.equal(lostTeam(null, me()), false);
});

test("the empty page has a nonce of its own each time", () => {
  const policy = "script-src 'nonce-abc=' 'strict-dynamic'; style-src 'self' 'nonce-abc='";
  const page = withNonce('<script nonce="abc=">1</script><script type="module" nonce="abc="></script>', policy, "xyz");
  assert.equal(page.html, '<script nonce="xyz">1</script><script type="module" nonce="xyz"></script>');
  assert.equal(page.policy, "script-src 'nonce-xyz' 'strict-dynamic'; style-src 'self' 'nonce-xyz'");
  assert.deepEqual(withNonce("<p>", "", "xyz"), { html: "<p>", policy: "" });
});
