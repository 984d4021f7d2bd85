// The clients of docs/clients, each run by the tool that people run it with, against the stage at BASE_URL with TOKEN.
// `cargo xtask test clients` starts them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const docs = join(here, "../../docs");
const tool = (name) => join(here, "node_modules/.bin", name);
const { BASE_URL: baseUrl, TOKEN: token } = process.env;

/** The status of each call: who am I, create, list, get, update, delete. */
const STATUSES = [200, 201, 200, 200, 200, 204];

let folder;

before(async () => {
  assert.ok(baseUrl && token, "BASE_URL and TOKEN are not set: run `cargo xtask test clients`");
  folder = await mkdtemp(join(tmpdir(), "clients-"));
});

after(() => rm(folder, { recursive: true, force: true }));

/** Runs a program in the folder to its end and returns what it printed; fails with that if it fails. */
async function run(program, ...args) {
  try {
    return (await promisify(execFile)(program, args, { cwd: folder, maxBuffer: 2 ** 24 })).stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")}\n${error.stdout}\n${error.stderr}`);
  }
}

test("newman runs the Postman collection", async () => {
  const report = join(folder, "newman.json");
  const variables = [`baseUrl=${baseUrl}`, `token=${token}`].flatMap((pair) => ["--env-var", pair]);
  await run(tool("newman"), "run", join(docs, "clients/tasks.postman_collection.json"), ...variables,
    "--reporters", "json", "--reporter-json-export", report);
  const { run: result } = JSON.parse(await readFile(report, "utf8"));
  assert.deepEqual(result.executions.map((execution) => execution.response.code), STATUSES);
  assert.equal(result.stats.assertions.total, STATUSES.length);
  assert.equal(result.stats.assertions.failed, 0);
});

test("httpYac runs the .http file", async () => {
  // It reads files of its current folder only.
  await copyFile(join(docs, "clients/tasks.http"), join(folder, "tasks.http"));
  const report = await run(tool("httpyac"), "send", "tasks.http", "--all", "--json");
  const { requests } = JSON.parse(report);
  assert.deepEqual(requests.map((request) => request.response.statusCode), STATUSES);
});

test("bash runs the script with curl", async () => {
  const lines = (await run("bash", join(docs, "clients/tasks.sh"))).trim().split("\n");
  const [me, created, page, read, updated, ...rest] = lines.map((line) => JSON.parse(line));
  assert.deepEqual(rest, []);
  assert.ok(me.id && page.items.length > 0);
  assert.deepEqual([read, updated.id], [created, created.id]);
  assert.deepEqual([created.status, updated.status], ["PENDING", "IN_PROGRESS"]);
});

test("the typed client compiles, makes its calls, and a wrong call does not compile", async () => {
  await symlink(join(here, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  await run(tool("openapi-typescript"), join(docs, "openapi.json"), "-o", join(folder, "tasks.d.ts"));
  await copyFile(join(docs, "clients/example.ts"), join(folder, "example.ts"));
  const compile = (file) =>
    // The other tools' packages bring types that the example does not have to know.
    run(tool("tsc"), "--strict", "--module", "nodenext", "--target", "es2022", "--typeRoots", "none", file);
  await compile("example.ts");
  const said = await run("node", "example.js");
  assert.match(said, /IN_PROGRESS\ndeleted\n$/);

  const wrong = 'import type { components } from "./tasks.js";\nexport const body: components["schemas"]["NewTask"] = ';
  await writeFile(join(folder, "right.ts"), `${wrong}{ title: "t", status: "PENDING" };\n`);
  await compile("right.ts");
  await writeFile(join(folder, "wrong.ts"), `${wrong}{ title: "t", status: "DONE" };\n`);
  await assert.rejects(compile("wrong.ts"), /DONE/);
});
