// The deployed service, and the local AWS's doors by which it is made to fail (local/README.md).

import { readFile } from "node:fs/promises";

const outputs = JSON.parse(await readFile(process.env.BROWSER_OUTPUTS, "utf8"));

export const { apiUrl, token, readOnlyToken } = outputs;

/** Every response header that a script may read, and every method, by the service's own snapshot. */
export const api = JSON.parse(await readFile(new URL("../../functions/task-api/api.json", import.meta.url), "utf8"));

/** Applies an effect to the next calls of the task function that have `match` in their body. */
export async function breakTable(action, match, effect) {
  const rule = { service: "dynamodb", action, caller: outputs.taskApiFunction, match, times: -1, effect };
  await launcher("POST", "/_local/faults", rule);
}

/** Removes all faults. */
export async function liftFaults() {
  await launcher("DELETE", "/_local/faults");
}

/** Sets the stage's throttle to nothing, or back to what it was deployed with. */
export async function throttle(isOn) {
  const limits = isOn ? { rateLimit: "0", burstLimit: "0" } : { rateLimit: "500", burstLimit: "1000" };
  const patchOperations = Object.entries(limits).map(([name, value]) => ({ op: "replace", path: `/*/*/throttling/${name}`, value }));
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "");
  const answer = await fetch(`${outputs.endpointUrl}/restapis/${outputs.apiId}/stages/dev`, {
    method: "PATCH",
    headers: {
      // The local AWS looks at the key's id, not at the signature.
      Authorization: `AWS4-HMAC-SHA256 Credential=test/${day}/${outputs.region}/apigateway/aws4_request, SignedHeaders=host, Signature=none`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify({ patchOperations }),
  });
  if (!answer.ok) throw new Error(`UpdateStage: ${answer.status} ${await answer.text()}`);
}

async function launcher(method, path, body) {
  const answer = await fetch(outputs.endpointUrl + path, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}
