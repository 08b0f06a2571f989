// The reference client of graphql-transport-ws.
import assert from "node:assert/strict";

import { createClient } from "graphql-ws";

import { Inbox, WRONG_KEY, WebSocket, credit, key, newCustomer, please, run, wsUrl } from "./harness.mjs";

const EVENTS = `subscription ($after: Cursor, $filter: EventFilter) { events(after: $after, filter: $filter) {
  __typename ... on Event { cursor type } ... on StreamReady { cursor } ... on StreamGap { cursor } } }`;
const BALANCE = `subscription ($id: ID!, $after: Cursor) { walletBalance(customerId: $id, currency: "USD", after: $after) {
  __typename ... on WalletSnapshot { cursor wallet { balance { amount } } }
  ... on WalletChange { cursor balance { amount } } } }`;

function client(options = {}) {
  return createClient({
    url: wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${options.key ?? key}` },
    retryAttempts: 0,
    ...options,
  });
}

function listen(connection, query, variables = {}) {
  const inbox = new Inbox();
  const stop = connection.subscribe({ query, variables }, { next: inbox.put, error: inbox.fail, complete: inbox.end });
  return Object.assign(inbox, { stop });
}

async function only(connection, query, variables) {
  const answers = listen(connection, query, variables);
  const answer = await answers.take();
  await answers.ended();
  return answer;
}

await run({
  "a query is answered once and completes": async () => {
    const connection = client();
    const { data, errors } = await only(connection, "{ viewer { mode } }");
    assert.equal(errors, undefined);
    assert.deepEqual(data, { viewer: { mode: "TEST" } });
    await connection.dispose();
  },

  "a mutation is carried out": async () => {
    const connection = client();
    const input = { email: "aiko@example.com", name: "財布" };
    const query = "mutation ($input: CustomerCreateInput!) { customerCreate(input: $input) { customer { name } } }";
    const { data } = await only(connection, query, { input });
    assert.equal(data.customerCreate.customer.name, "財布");
    await connection.dispose();
  },

  "a subscription delivers what happens and ends when it is stopped": async () => {
    const id = await newCustomer();
    const connection = client();
    const stream = listen(connection, BALANCE, { id });
    assert.equal((await stream.take()).data.walletBalance.wallet.balance.amount, 0);
    await credit(id, 12_50);
    assert.equal((await stream.take()).data.walletBalance.balance.amount, 12_50);
    stream.stop();
    await stream.ended();
    await connection.dispose();
  },

  "iterating a subscription works as well": async () => {
    const id = await newCustomer();
    const connection = client();
    const stream = connection.iterate({ query: BALANCE, variables: { id } });
    assert.equal((await stream.next()).value.data.walletBalance.__typename, "WalletSnapshot");
    assert.equal((await stream.return()).done, true);
    await connection.dispose();
  },

  "a wrong document is an error of its own while another subscription lives on": async () => {
    const id = await newCustomer();
    const connection = client({ lazy: false, onNonLazyError: () => {} });
    const stream = listen(connection, BALANCE, { id });
    await stream.take();
    for (const [query, code] of [
      ["{ viewer {", "GRAPHQL_PARSE_FAILED"],
      ["subscription { nothingOfTheKind }", "GRAPHQL_VALIDATION_FAILED"],
      ["subscription ($id: ID!) { walletBalance(customerId: $id) { __typename } }", "BAD_USER_INPUT"],
    ]) {
      const errors = await listen(connection, query).failure();
      assert.ok(Array.isArray(errors), `closed instead: ${errors.code} ${errors.reason}`);
      assert.equal(errors[0].extensions.code, code);
    }
    await credit(id, 1_00);
    assert.equal((await stream.take()).data.walletBalance.balance.amount, 1_00);
    await connection.dispose();
  },

  "a subscription that may not begin is an error": async () => {
    const connection = client();
    const stream = listen(connection, EVENTS, { after: "no cursor" });
    const errors = await stream.failure();
    assert.ok(Array.isArray(errors), `not an error message: ${errors}`);
    assert.equal(errors[0].extensions.code, "BAD_USER_INPUT");
    await connection.dispose();
  },

  "a wrong key closes the socket with 4401, which is not retried": async () => {
    let attempts = 0;
    const connection = client({ key: WRONG_KEY, retryAttempts: 3, on: { connecting: () => (attempts += 1) } });
    const closed = await listen(connection, "{ viewer { mode } }").failure();
    assert.equal(closed.code, 4401);
    assert.equal(attempts, 1);
  },

  "no key closes the socket with 4401": async () => {
    const closed = await listen(client({ connectionParams: {} }), "{ viewer { mode } }").failure();
    assert.equal(closed.code, 4401);
  },

  "a ping is answered by a pong that carries its payload": async () => {
    const pongs = new Inbox();
    const connection = client({
      lazy: false,
      onNonLazyError: () => {},
      keepAlive: 50,
      on: {
        ping: (received, payload) => received || payload,
        pong: (received, payload) => received && pongs.put(payload ?? null),
        connected: (socket) => socket.send(JSON.stringify({ type: "ping", payload: { at: 7 } })),
      },
    });
    const seen = [await pongs.take(), await pongs.take(), await pongs.take()];
    assert.ok(seen.some((payload) => payload?.at === 7), JSON.stringify(seen));
    await connection.dispose();
  },

  "many operations at once on one socket each get their own answers": async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => newCustomer(`Number ${i}`)));
    const connection = client({ lazy: false, onNonLazyError: () => {} });
    const query = "query ($id: ID!) { customer(id: $id) { id } }";
    const answers = await Promise.all(ids.map((id) => only(connection, query, { id })));
    assert.deepEqual(answers.map(({ data }) => data.customer.id), ids);
    await connection.dispose();
  },

  "a client whose gateway is killed reconnects and resumes from its cursor without a gap": async () => {
    const id = await newCustomer();
    let [opened, cursor] = [0, undefined];
    const again = new Inbox();
    const connection = client({
      retryAttempts: 100,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
      shouldRetry: () => true,
      on: { connected: () => again.put((opened += 1)) },
    });
    // What a client does that wants every change once: each attempt begins after the last cursor it has seen.
    const stream = new Inbox();
    connection.subscribe(
      { query: BALANCE, get variables() { return { id, after: cursor }; } },
      { next: stream.put, error: stream.fail, complete: stream.end },
    );
    cursor = (await stream.take()).data.walletBalance.cursor;
    await credit(id, 5_00);
    const change = (await stream.take()).data.walletBalance;
    cursor = change.cursor;
    assert.equal(change.balance.amount, 5_00);
    await please("restart");
    await credit(id, 2_00);
    assert.deepEqual([await again.take(), await again.take()], [1, 2]);
    const resumed = (await stream.take()).data.walletBalance;
    assert.deepEqual([resumed.__typename, resumed.balance.amount], ["WalletChange", 7_00]);
    await credit(id, 1_00);
    assert.equal((await stream.take()).data.walletBalance.balance.amount, 8_00);
    await connection.dispose();
  },

  "a client whose gateway is told to stop sees 1001, comes back and resumes": async () => {
    const id = await newCustomer();
    const closed = new Inbox();
    let cursor;
    const connection = client({
      retryAttempts: 100,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
      shouldRetry: () => true,
      on: { closed: (event) => closed.put(event.code) },
    });
    const stream = new Inbox();
    connection.subscribe(
      { query: BALANCE, get variables() { return { id, after: cursor }; } },
      { next: stream.put, error: stream.fail, complete: stream.end },
    );
    cursor = (await stream.take()).data.walletBalance.cursor;
    await please("stop and start");
    assert.equal(await closed.take(), 1001);
    await credit(id, 3_00);
    const resumed = (await stream.take()).data.walletBalance;
    assert.deepEqual([resumed.__typename, resumed.balance.amount], ["WalletChange", 3_00]);
    await connection.dispose();
  },
});
