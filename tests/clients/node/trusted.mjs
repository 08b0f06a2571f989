// A gateway that runs only the documents which Relay's compiler and GraphQL Code Generator have written down (A62).
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { createClient } from "graphql-ws";

import { Inbox, WebSocket, aCredit, headers, key, run, url, wsUrl } from "./harness.mjs";

async function written(path) {
  return Object.entries(JSON.parse(await readFile(new URL(path, import.meta.url), "utf8")));
}

/** The id under which a manifest has the operation of that name. */
async function idOf(path, name) {
  return (await written(path)).find(([, text]) => text.includes(name))[0];
}

const relay = (name) => idOf("./relay/persisted.json", `operations${name}`);
const codegen = (name) => idOf("./codegen/gql/persisted-documents.json", name);

async function post(body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
}

async function newCustomer(name = "Aiko") {
  const extensions = { persistedQuery: { version: 1, sha256Hash: await codegen("mutation Create") } };
  const { data } = await post({ extensions, variables: { input: { email: "aiko@example.com", name } } });
  return data.customerCreate.customer.id;
}

async function credit(id, amount) {
  const { data } = await post({ id: await relay("CreditMutation"), variables: { input: aCredit(id, amount) } });
  return data.ledgerEntryCreate.wallet.balance.amount;
}

function listen(payload) {
  const inbox = new Inbox();
  const connection = createClient({
    url: wsUrl, webSocketImpl: WebSocket, retryAttempts: 0,
    connectionParams: { authorization: `Bearer ${key}` },
  });
  connection.subscribe(payload, { next: inbox.put, error: inbox.fail, complete: inbox.end });
  return Object.assign(inbox, { dispose: () => connection.dispose() });
}

await run({
  "Relay's ids are served": async () => {
    const id = await newCustomer();
    assert.equal(await credit(id, 5_00), 5_00);
    const page = await post({ documentId: await relay("LedgerQuery"), variables: { id, count: 2 } });
    assert.equal(page.data.viewer.mode, "TEST");
  },

  "GraphQL Code Generator's hashes are served": async () => {
    const id = await newCustomer("Hashed");
    const extensions = { persistedQuery: { version: 1, sha256Hash: await codegen("query Customer") } };
    const { data } = await post({ extensions, variables: { id } });
    assert.equal(data.customer.name, "Hashed");
  },

  "every document that was written down is known": async () => {
    for (const path of ["./relay/persisted.json", "./codegen/gql/persisted-documents.json"]) {
      const documents = await written(path);
      assert.ok(documents.length >= 5);
      for (const [documentId, text] of documents) {
        if (text.startsWith("subscription")) continue;
        const { errors } = await post({ documentId });
        // Without its variables it goes no further than this.
        for (const { extensions } of errors ?? []) assert.equal(extensions.code, "BAD_USER_INPUT");
      }
    }
  },

  "a subscription is served by its id over websocket": async () => {
    const id = await newCustomer();
    // The client insists on a `query`, which its authors say to leave empty.
    const stream = listen({ query: "", documentId: await relay("BalanceSubscription"), variables: { id } });
    assert.equal((await stream.take()).data.walletBalance.__typename, "WalletSnapshot");
    await credit(id, 6_00);
    assert.equal((await stream.take()).data.walletBalance.balance.amount, 6_00);
    await stream.dispose();
  },

  "any other document is refused, over HTTP and over websocket": async () => {
    const query = "{ viewer { mode } }";
    const { status, errors, data } = await post({ query });
    assert.deepEqual([status, errors[0].extensions.code, data], [403, "FORBIDDEN", undefined]);
    const stream = listen({ query });
    assert.equal((await stream.failure())[0].extensions.code, "FORBIDDEN");
    await stream.dispose();
  },

  "an id that nobody has written down is not found": async () => {
    const { errors } = await post({ documentId: "0".repeat(64) });
    assert.equal(errors[0].extensions.code, "PERSISTED_QUERY_NOT_FOUND");
  },
});
