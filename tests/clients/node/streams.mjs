// Subscriptions over plain HTTP: graphql-sse in distinct connections mode, and meros for multipart answers.
import assert from "node:assert/strict";

import { createClient } from "graphql-sse";
import { meros } from "meros/browser";

import { Inbox, WRONG_KEY, aCredit, credit, headers, newCustomer, please, run, url } from "./harness.mjs";

const BALANCE = `subscription Balance($id: ID!) { walletBalance(customerId: $id, currency: "USD") {
  ... on WalletSnapshot { wallet { balance { amount } } } ... on WalletChange { balance { amount } } } }`;
const RESUMABLE = `subscription ($id: ID!, $after: Cursor) { walletBalance(customerId: $id, currency: "USD", after: $after) {
  __typename ... on WalletSnapshot { cursor } ... on WalletChange { cursor balance { amount } } } }`;
const FROM_NOWHERE = 'subscription Events { events(after: "no cursor") { __typename } }';
const CREDIT = `mutation Credit($input: LedgerEntryCreateInput!) {
  ledgerEntryCreate(input: $input) { wallet { balance { amount } } errors { code } } }`;

function sse(options = {}) {
  return createClient({ url, headers, singleConnection: false, retryAttempts: 0, ...options });
}

function listen(connection, query, variables = {}) {
  const inbox = new Inbox();
  const stop = connection.subscribe({ query, variables }, { next: inbox.put, error: inbox.fail, complete: inbox.end });
  return Object.assign(inbox, { stop });
}

/** Follows a wallet through the end of its gateway, each attempt going on after the last cursor it has seen. */
async function outlives(end) {
  const id = await newCustomer();
  let cursor;
  const retrying = { retryAttempts: 100, retry: () => new Promise((resolve) => setTimeout(resolve, 50)) };
  const inbox = new Inbox();
  const request = { query: RESUMABLE, get variables() { return { id, after: cursor }; } };
  const stop = sse(retrying).subscribe(request, { next: inbox.put, error: inbox.fail, complete: inbox.end });
  cursor = (await inbox.take()).data.walletBalance.cursor;
  await please(end);
  await credit(id, 2_00);
  const { data, errors } = await inbox.take();
  assert.equal(errors, undefined);
  assert.deepEqual([data.walletBalance.__typename, data.walletBalance.balance.amount], ["WalletChange", 2_00]);
  stop();
}

await run({
  "graphql-sse: a subscription follows at once and ends when it is stopped": async () => {
    const id = await newCustomer();
    const stream = listen(sse(), BALANCE, { id });
    assert.equal((await stream.take()).data.walletBalance.wallet.balance.amount, 0);
    for (const [amount, balance] of [[12_50, 12_50], [50, 13_00]]) {
      await credit(id, amount);
      assert.equal((await stream.take()).data.walletBalance.balance.amount, balance);
    }
    stream.stop();
    await stream.ended();
  },

  "graphql-sse: a client whose gateway is killed comes back and resumes": async () => outlives("restart"),

  "graphql-sse: a client whose gateway is told to stop comes back and resumes": async () => outlives("stop and start"),

  "graphql-sse: a query is one message and the end": async () => {
    const stream = listen(sse(), "{ viewer { mode } }");
    assert.deepEqual((await stream.take()).data, { viewer: { mode: "TEST" } });
    await stream.ended();
  },

  "graphql-sse: a mutation is one message and the end": async () => {
    const stream = listen(sse(), CREDIT, { input: aCredit(await newCustomer(), 4_00) });
    assert.equal((await stream.take()).data.ledgerEntryCreate.wallet.balance.amount, 4_00);
    await stream.ended();
  },

  "graphql-sse: a wrong document and a refused subscription are errors with codes": async () => {
    for (const [query, code] of [
      ["subscription { nothingOfTheKind }", "GRAPHQL_VALIDATION_FAILED"],
      ["{ viewer {", "GRAPHQL_PARSE_FAILED"],
      [FROM_NOWHERE, "BAD_USER_INPUT"],
    ]) {
      const stream = listen(sse(), query);
      const { errors } = await stream.take();
      assert.equal(errors[0].extensions.code, code);
      await stream.ended();
    }
  },

  "graphql-sse: a wrong key is refused with status 401": async () => {
    const error = await listen(sse({ headers: { authorization: `Bearer ${WRONG_KEY}` } }), BALANCE).failure();
    assert.equal(error.response?.status, 401, String(error));
  },

  "graphql-sse: its single connection mode is refused with status 405": async () => {
    const error = await listen(sse({ singleConnection: true }), BALANCE).failure();
    assert.equal(error.response?.status, 405, String(error));
    assert.match(error.response.headers.get("allow"), /POST/);
  },

  "meros: a subscription is a part for each message": async () => {
    const id = await newCustomer();
    const leaving = new AbortController();
    const response = await fetch(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        accept: "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json",
      },
      body: JSON.stringify({ query: BALANCE, variables: { id } }),
      signal: leaving.signal,
    });
    const parts = new Inbox();
    const reading = (async () => {
      for await (const { json, body } of await meros(response)) {
        assert.ok(json, `not JSON: ${body}`);
        // An empty object says only that the connection is alive.
        if (Object.keys(body).length) parts.put(body.payload);
      }
    })().catch(parts.fail);
    assert.equal((await parts.take()).data.walletBalance.wallet.balance.amount, 0);
    await credit(id, 9_00);
    assert.equal((await parts.take()).data.walletBalance.balance.amount, 9_00);
    leaving.abort();
    await reading;
  },
});
