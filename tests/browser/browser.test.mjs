// A page of another origin calls the API, and people read its documents, in a real Chromium.
//
// `cargo xtask test browser` deploys a service that allows http://app.example and http://second.example.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { keep, launch, open } from "./chromium.mjs";
import { api, apiUrl, breakTable, liftFaults, readOnlyToken, throttle, token } from "./service.mjs";

const AUTHORIZATION = { Authorization: `Bearer ${token}` };
const JSON_BODY = { ...AUTHORIZATION, "Content-Type": "application/json" };

let chromium, app;
/** The exposed headers that the page of http://app.example has read so far. */
const read = new Set();

before(async () => {
  chromium = await launch();
  app = (await open(chromium.browser, "http://app.example/")).page;
});

after(() => chromium?.close());

/** Calls the API from the page of http://app.example. */
async function call(method, path, headers = AUTHORIZATION, body = undefined) {
  const seen = await callFrom(app, method, path, headers, body);
  Object.keys(seen.headers ?? {}).forEach((name) => read.add(name));
  return seen;
}

async function callFrom(page, method, path, headers = AUTHORIZATION, body = undefined) {
  const options = { method, headers, body: body && JSON.stringify(body) };
  return page.evaluate(([url, options]) => window.call(url, options), [apiUrl + path, options]);
}

async function created(title) {
  const answer = await call("POST", "/tasks", JSON_BODY, { title });
  assert.equal(answer.status, 201, JSON.stringify(answer));
  return JSON.parse(answer.text).id;
}

/** Asserts that the script reads a problem of this kind, whole. */
function assertProblem(seen, status, kind) {
  assert.equal(seen.status, status, JSON.stringify(seen));
  assert.equal(seen.headers["content-type"], "application/problem+json");
  const problem = JSON.parse(seen.text);
  assert.match(problem.type, new RegExp(`/problems/${kind}$`));
  assert.equal(problem.requestId, seen.headers["x-request-id"]);
}

test("every method passes its preflight", async () => {
  const id = await created("from another origin");
  const path = `/tasks/${id}`;
  const calls = {
    GET: () => call("GET", path, { ...AUTHORIZATION, "If-None-Match": '"9"' }),
    HEAD: () => call("HEAD", path),
    POST: () => call("POST", "/tasks", { ...JSON_BODY, "Idempotency-Key": randomUUID() }, { title: "keyed" }),
    PUT: () => call("PUT", path, { ...JSON_BODY, "If-Match": '"1"' }, { priority: "HIGH" }),
    PATCH: () => call("PATCH", path, { ...AUTHORIZATION, "Content-Type": "application/merge-patch+json" }, { status: "COMPLETED" }),
    DELETE: () => call("DELETE", path),
  };
  assert.deepEqual(Object.keys(calls).sort(), [...api.methods].sort());
  for (const [method, attempt] of Object.entries(calls)) {
    const answer = await attempt();
    assert.ok(answer.status >= 200 && answer.status < 300, `${method}: ${JSON.stringify(answer)}`);
  }
  // Tracing in a browser adds a header of its own; an unknown one is refused before the request is sent.
  const traced = { ...AUTHORIZATION, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  assert.equal((await call("GET", "/tasks", traced)).status, 200);
  assert.ok((await call("GET", "/tasks", { ...AUTHORIZATION, "X-Unknown": "1" })).refused);
});

test("401, 403 and 404 can be read", async () => {
  const nobody = await call("GET", "/tasks", {});
  assertProblem(nobody, 401, "unauthorized");
  assert.match(nobody.headers["www-authenticate"], /^Bearer/);
  assertProblem(await call("GET", "/tasks", { Authorization: "Bearer unknown" }), 401, "unauthorized");
  const reader = { ...JSON_BODY, Authorization: `Bearer ${readOnlyToken}` };
  assertProblem(await call("POST", "/tasks", reader, { title: "no" }), 403, "forbidden");
  assertProblem(await call("GET", "/tasks/none"), 404, "not-found");
  assertProblem(await call("GET", "/nothing"), 404, "not-found");
});

test("503, 500, 504 and 429 can be read", async () => {
  const id = await created("fails");
  await breakTable("GetItem", id, { error: { status: 400, code: "ThrottlingException", message: "Rate exceeded" } });
  const busy = await call("GET", `/tasks/${id}`);
  assertProblem(busy, 503, "unavailable");
  assert.equal(busy.headers["retry-after"], "1");
  await liftFaults();

  await breakTable("GetItem", id, { killCaller: "before" });
  assertProblem(await call("GET", `/tasks/${id}`), 500, "internal");
  await liftFaults();

  // The write gets no answer, and the table cannot be asked what became of it.
  await breakTable("UpdateItem", id, { dropAnswer: true });
  await breakTable("GetItem", id, { error: { status: 400, code: "ThrottlingException", message: "Rate exceeded" } });
  assertProblem(await call("PUT", `/tasks/${id}`, JSON_BODY, { priority: "LOW" }), 504, "outcome-unknown");
  await liftFaults();

  await throttle(true);
  try {
    const throttled = await until(() => call("GET", `/tasks/${id}`), (answer) => answer.status === 429);
    assertProblem(throttled, 429, "too-many-requests");
    assert.equal(throttled.headers["retry-after"], "1");
  } finally {
    await throttle(false);
  }
  await until(() => call("GET", `/tasks/${id}`), (answer) => answer.status === 200);
});

test("every exposed header can be read", async () => {
  const key = { ...JSON_BODY, "Idempotency-Key": randomUUID() };
  await call("POST", "/tasks", key, { title: "once" });
  await call("POST", "/tasks", key, { title: "once" });
  await call("GET", "/tasks?limit=1");
  await call("DELETE", "/tasks");
  const text = { ...AUTHORIZATION, "Content-Type": "text/plain" };
  await call("POST", "/tasks", text, {});
  await call("PATCH", "/tasks/none", text, {});
  const missing = api.exposedHeaders.filter((name) => !read.has(name.toLowerCase()));
  assert.deepEqual(missing, []);
});

test("each allowed origin is served, and no other", async () => {
  for (const host of ["second.example", "evil.example", "app.example.evil.example"]) {
    const { page } = await open(chromium.browser, `http://${host}/`);
    const allowed = host === "second.example";
    for (const attempt of [
      ["GET", "/tasks"],
      ["POST", "/tasks", JSON_BODY, { title: "from elsewhere" }],
      // Without a preflight: the request is answered, but the script may not read it.
      ["GET", "/health", {}],
    ]) {
      const seen = await callFrom(page, ...attempt);
      assert.equal(seen.refused === undefined, allowed, `${host} ${attempt[0]}: ${JSON.stringify(seen)}`);
    }
    if (!allowed) assert.deepEqual(await keep(page, `refused-${host}`), []);
    await page.context().close();
  }
});

test("the page of another origin is kept as pictures", async () => {
  assert.deepEqual(await keep(app, "cross-origin"), []);
});

test("the docs page shows the API without a complaint, and trying it creates a task", async () => {
  const { page, complaints } = await open(chromium.browser, `${apiUrl}/docs`);
  await page.locator(".opblock").first().waitFor();
  assert.deepEqual(await keep(page, "docs"), []);
  await page.setViewportSize({ width: 1280, height: 900 });

  await page.locator("button.authorize").click();
  assert.deepEqual(await keep(page, "docs-authorize", { fullPage: false }), []);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.locator(".auth-container input").fill(token);
  await page.locator(".auth-btn-wrapper button[type=submit]").click();
  await page.locator(".auth-btn-wrapper .btn-done").click();

  // The viewer fills in nothing that would have a list refused.
  const list = page.locator("#operations-Tasks-listTasks");
  await list.locator(".opblock-summary-control").click();
  await list.locator("button.execute").click();
  await list.locator(".live-responses-table .response-col_status").filter({ hasText: "200" }).waitFor();
  await list.locator(".opblock-summary-control").click();

  const operation = page.locator("#operations-Tasks-createTask");
  await operation.locator(".opblock-summary-control").click();
  const title = `tried ${randomUUID()}`;
  await operation.locator("textarea.body-param__text").fill(JSON.stringify({ title }));
  await operation.locator("button.execute").click();
  const status = operation.locator(".live-responses-table .response-col_status");
  await status.filter({ hasText: "201" }).waitFor();
  const listed = await call("GET", "/tasks?limit=100");
  assert.ok(JSON.parse(listed.text).items.some((task) => task.title === title), listed.text);
  assert.deepEqual(await keep(page, "docs-tried"), []);
  assert.deepEqual(complaints, []);
});

test("a problem's page is for people", async () => {
  const { page, response, complaints } = await open(chromium.browser, `${apiUrl}/problems/outcome-unknown`);
  assert.match(response.headers()["content-type"], /^text\/html/);
  assert.equal(await page.locator("h1").innerText(), "Outcome unknown");
  // The style sheet is let through by the page's policy.
  assert.equal(await page.locator("main").evaluate((main) => getComputedStyle(main).maxWidth), "640px");
  assert.deepEqual(await keep(page, "problem"), []);
  assert.deepEqual(complaints, []);
});

/** Repeats until the answer is as expected. */
async function until(attempt, expected) {
  for (const deadline = Date.now() + 30_000; ; ) {
    const answer = await attempt();
    if (expected(answer)) return answer;
    assert.ok(Date.now() < deadline, JSON.stringify(answer));
    await new Promise((resume) => setTimeout(resume, 100));
  }
}
