// The calls of a typed client: `npx openapi-typescript docs/openapi.json -o docs/clients/tasks.d.ts` makes the types, and
// openapi-fetch calls.
// It reads BASE_URL, the address of a stage, and TOKEN from the environment.

import createClient from "openapi-fetch";
import type { components, paths } from "./tasks.js";

type Problem = components["schemas"]["Problem"];

declare const process: { env: Record<string, string | undefined> };
const { BASE_URL: baseUrl, TOKEN: token } = process.env;
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

/** Returns the data of a response, or throws its problem; a response without a body has neither. */
async function expect<Data>(call: Promise<{ data?: Data; error?: Problem; response: Response }>): Promise<Data> {
  const { data, error, response } = await call;
  if (error) throw new Error(`${error.title}: ${error.detail} (request ${error.requestId})`);
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return data as Data;
}

const me = await expect(client.GET("/me"));
console.log(`${me.id} may ${me.scopes.join(", ")}`);

const task = await expect(client.POST("/tasks", { body: { title: "Write the report", priority: "HIGH" } }));
const path = { id: task.id };
const page = await expect(client.GET("/tasks", { params: { query: { status: "PENDING", limit: 10 } } }));
console.log(`${page.items.length} pending`);

const read = await expect(client.GET("/tasks/{id}", { params: { path } }));
const changed = await expect(
  client.PUT("/tasks/{id}", { params: { path, header: { "If-Match": `"${read.version}"` } }, body: { status: "IN_PROGRESS" } }),
);
console.log(`${changed.title}: ${changed.status}`);

await expect(client.DELETE("/tasks/{id}", { params: { path } }));
console.log("deleted");
