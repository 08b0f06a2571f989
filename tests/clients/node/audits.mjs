// graphql-http's audits of a server. A credential is none of their business, so every request is given ours.
import { serverAudits } from "graphql-http";

import { headers, recorded, run, url } from "./harness.mjs";

const cases = {};
for (const audit of serverAudits({ url, fetchFn: recorded([], { headers }) })) {
  cases[audit.id] = async () => {
    const result = await audit.fn();
    if (result.status === "ok") return;
    const { status, headers } = result.response;
    throw new Error(`${audit.name}: ${result.reason} (HTTP ${status}, ${headers.get("content-type")})`);
  };
}
await run(cases);
