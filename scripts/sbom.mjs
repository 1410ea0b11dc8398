// Writes a bill of materials (CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/) from what cargo and npm have locked, or checks one.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const json = (file) => JSON.parse(readFileSync(file, "utf8"));

/** What cargo knows as `MIT/Apache-2.0` is an expression of SPDX with OR. */
const licences = (text, file) => {
  if (text) return [{ expression: text.replaceAll("/", " OR ") }];
  return file ? [{ license: { name: `see ${file}` } }] : [];
};

/** The checksums of crates, by name and version. */
function checksums() {
  const found = new Map();
  for (const block of readFileSync("Cargo.lock", "utf8").split("[[package]]").slice(1)) {
    const field = (name) => block.match(new RegExp(`^${name} = "([^"]+)"`, "m"))?.[1];
    if (field("checksum")) found.set(`${field("name")}@${field("version")}`, field("checksum"));
  }
  return found;
}

function crates(metadata) {
  const packages = new Map(metadata.packages.map((one) => [one.id, one]));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  // What tests need is in no release.
  const needed = (id) => nodes.get(id).deps.filter((dep) => dep.dep_kinds.some(({ kind }) => kind !== "dev")).map((dep) => dep.pkg);
  const root = metadata.packages.find((one) => one.name === "llmos-lite").id;
  const reached = new Set([root]);
  for (const id of reached) needed(id).forEach((dep) => reached.add(dep));
  const hashes = checksums();
  const ref = (id) => `pkg:cargo/${packages.get(id).name}@${packages.get(id).version}`;
  const component = (id) => {
    const { name, version, description, license, license_file: file, repository } = packages.get(id);
    const hash = hashes.get(`${name}@${version}`);
    return {
      type: id === root ? "application" : "library",
      "bom-ref": ref(id),
      name,
      version,
      ...(description && { description: description.replace(/\s+/g, " ").trim() }),
      ...(hash && { hashes: [{ alg: "SHA-256", content: hash }] }),
      licenses: licences(license, file),
      purl: ref(id),
      ...(repository && { externalReferences: [{ type: "vcs", url: repository }] }),
    };
  };
  const dependencies = [...reached].map((id) => ({ ref: ref(id), dependsOn: [...new Set(needed(id).map(ref))].sort() }));
  return { root: component(root), components: [...reached].filter((id) => id !== root).map(component), dependencies };
}

/** What web/ bundles; what only builds it is not in a release. */
function packages() {
  return Object.entries(json("web/package-lock.json").packages)
    .filter(([path, one]) => path && !one.dev && !one.link)
    .map(([path, one]) => {
      const name = path.replace(/^.*node_modules\//, "");
      const purl = `pkg:npm/${name.replace("@", "%40")}@${one.version}`;
      const [alg, value] = (one.integrity ?? "").split("-");
      return {
        type: "library",
        "bom-ref": purl,
        name,
        version: one.version,
        ...(alg === "sha512" && { hashes: [{ alg: "SHA-512", content: Buffer.from(value, "base64").toString("hex") }] }),
        licenses: licences(one.license),
        purl,
      };
    });
}

function made(metadata) {
  const { root, components, dependencies } = crates(metadata);
  const byRef = (key) => (a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0);
  const bundled = [...new Map(packages().map((one) => [one.purl, one])).values()];
  dependencies.find(({ ref }) => ref === root["bom-ref"]).dependsOn.push(...bundled.map(({ purl }) => purl).sort());
  const body = {
    components: [...components, ...bundled].sort(byRef("bom-ref")),
    dependencies: [...dependencies, ...bundled.map(({ purl }) => ({ ref: purl, dependsOn: [] }))].sort(byRef("ref")),
  };
  // Of the content, so that the same content has the same number: a UUID of version 8 (RFC 9562).
  const hash = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const uuid = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `8${hash.slice(17, 20)}`, hash.slice(20, 32)].join("-");
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: { timestamp: new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000).toISOString(), component: root },
    ...body,
  };
}

/** What the schema requires, and what makes a list worth having: each part once, with a licence and a hash, and every dependency in it. */
function faults(bom) {
  const found = [];
  const say = (is, what) => is || found.push(what);
  say(bom.bomFormat === "CycloneDX" && bom.specVersion === "1.6" && bom.version === 1, "it says what it is");
  say(/^urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(bom.serialNumber), "it has a serial number");
  say(!Number.isNaN(Date.parse(bom.metadata?.timestamp)), "it has a time");
  const refs = new Set([bom.metadata?.component?.["bom-ref"]]);
  for (const one of bom.components ?? []) {
    const own = one.purl?.startsWith("pkg:cargo/llmos-");
    say(one.type && one.name && one.version && one.purl, `${one.name} has type, name, version and address`);
    say(one.licenses?.length > 0, `${one.name} has a licence`);
    say(own || one.hashes?.length > 0, `${one.name} has a hash`);
    say(!refs.has(one["bom-ref"]), `${one["bom-ref"]} is there once`);
    refs.add(one["bom-ref"]);
  }
  say(refs.size > 300, `it has everything, not ${refs.size} parts`);
  for (const { ref, dependsOn } of bom.dependencies ?? []) {
    for (const other of [ref, ...(dependsOn ?? [])]) say(refs.has(other), `${other} is a part of it`);
  }
  say(bom.dependencies?.length === refs.size, "each part says what it depends on");
  return found;
}

const [first, second] = process.argv.slice(2);
if (first === "--check") {
  const bom = json(second);
  const wrong = faults(bom);
  wrong.forEach((what) => console.error(`not so: ${what}`));
  console.log(`${bom.components.length} parts in ${second}`);
  process.exitCode = wrong.length ? 1 : 0;
} else {
  process.stdout.write(`${JSON.stringify(made(json(first)), null, 1)}\n`);
}
