// urql: its fetch names text/event-stream and multipart/mixed in every `Accept`, streams or not (SERVING trap 4).
import assert from "node:assert/strict";

import { Client, CombinedError, fetchExchange, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createClient } from "graphql-ws";

import {
  Inbox, WRONG_KEY, WebSocket, aCredit, credit, headers, key, newCustomer, recorded, run, url, wsUrl,
} from "./harness.mjs";

const CUSTOMER = "query Customer($id: ID!) { customer(id: $id) { id name } }";
const BALANCE = `subscription Balance($id: ID!) { walletBalance(customerId: $id, currency: "USD") {
  ... on WalletSnapshot { wallet { balance { amount } } } ... on WalletChange { balance { amount } } } }`;
const FROM_NOWHERE = 'subscription Events { events(after: "no cursor") { __typename } }';
const CREDIT = `mutation Credit($input: LedgerEntryCreateInput!) {
  ledgerEntryCreate(input: $input) { wallet { balance { amount } } errors { code } } }`;

function client(exchanges, options = {}) {
  return new Client({
    url, exchanges: [fetchExchange], fetch: recorded(exchanges), fetchOptions: { headers }, ...options,
  });
}

async function good(result) {
  const { data, error } = await result;
  if (error) throw error;
  return data;
}

function listen(urql, query, variables) {
  const inbox = new Inbox();
  const subscription = urql.subscription(query, variables).subscribe(({ data, error, hasNext }) => {
    if (error) inbox.fail(error);
    else if (data) inbox.put(data);
    if (!hasNext) inbox.end();
  });
  return Object.assign(inbox, { stop: () => subscription.unsubscribe() });
}

async function follows(urql) {
  const id = await newCustomer();
  const stream = listen(urql, BALANCE, { id });
  assert.equal((await stream.take()).walletBalance.wallet.balance.amount, 0);
  for (const [amount, balance] of [[12_50, 12_50], [50, 13_00]]) {
    await credit(id, amount);
    assert.equal((await stream.take()).walletBalance.balance.amount, balance);
  }
  stream.stop();
}

const codes = (error) => {
  assert.ok(error instanceof CombinedError, String(error?.stack ?? error));
  return error.graphQLErrors.map(({ extensions }) => extensions.code);
};

await run({
  "a query that lists streams it could read is answered in plain JSON": async () => {
    const [id, exchanges] = [await newCustomer(), []];
    for (const preferGetMethod of [false, true]) {
      const data = await good(client(exchanges, { preferGetMethod }).query(CUSTOMER, { id }));
      assert.equal(data.customer.id, id);
    }
    assert.deepEqual(exchanges.map(({ method }) => method), ["POST", "GET"]);
    for (const { accept, type } of exchanges) {
      assert.match(accept, /text\/event-stream, multipart\/mixed$/);
      assert.match(type, /^application\/graphql-response\+json/);
    }
  },

  "a mutation is carried out and answered in plain JSON": async () => {
    const [id, exchanges] = [await newCustomer(), []];
    const data = await good(client(exchanges).mutation(CREDIT, { input: aCredit(id, 4_00) }));
    assert.equal(data.ledgerEntryCreate.wallet.balance.amount, 4_00);
    assert.match(exchanges[0].type, /^application\/graphql-response\+json/);
  },

  "an invalid document is errors with a code": async () => {
    for (const preferGetMethod of [false, true]) {
      const { error } = await client([], { preferGetMethod }).query("{ viewer { noSuchField } }", {});
      assert.deepEqual(codes(error), ["GRAPHQL_VALIDATION_FAILED"]);
      assert.equal(error.response.status, 400);
    }
  },

  "a wrong key is UNAUTHENTICATED with status 401": async () => {
    const fetchOptions = { headers: { authorization: `Bearer ${WRONG_KEY}` } };
    const { error } = await client([], { fetchOptions }).query("{ viewer { mode } }", {});
    assert.deepEqual(codes(error), ["UNAUTHENTICATED"]);
    assert.equal(error.response.status, 401);
  },

  "a subscription over websocket follows, stops, and a refused one is told": async () => {
    const connection = createClient({
      url: wsUrl, webSocketImpl: WebSocket, connectionParams: { authorization: `Bearer ${key}` }, retryAttempts: 0,
    });
    const forwardSubscription = ({ query, variables, extensions }) => ({
      subscribe: (sink) => ({ unsubscribe: connection.subscribe({ query, variables, extensions }, sink) }),
    });
    const urql = client([], { exchanges: [subscriptionExchange({ forwardSubscription })] });
    await follows(urql);
    assert.deepEqual(codes(await listen(urql, FROM_NOWHERE).failure()), ["BAD_USER_INPUT"]);
    await connection.dispose();
  },

  "a subscription over HTTP comes as server-sent events and follows at once": async () => {
    const exchanges = [];
    await follows(client(exchanges, { fetchSubscriptions: true }));
    assert.equal(exchanges[0].accept, "text/event-stream, multipart/mixed");
    assert.match(exchanges[0].type, /^text\/event-stream/);
  },

  "a subscription over HTTP as multipart/mixed follows at once": async () => {
    const exchanges = [];
    // Not in lower case: the client's own `accept` is overwritten that way.
    const fetchOptions = { headers: { ...headers, accept: 'multipart/mixed;subscriptionSpec="1.0"' } };
    await follows(client(exchanges, { fetchSubscriptions: true, fetchOptions }));
    assert.match(exchanges[0].type, /^multipart\/mixed/);
  },

  "a subscription refused over HTTP is errors with a code": async () => {
    const error = await listen(client([], { fetchSubscriptions: true }), FROM_NOWHERE).failure();
    assert.deepEqual(codes(error), ["BAD_USER_INPUT"]);
  },

  "a persisted query is registered once and then known by its hash": async () => {
    const query = `query Persisted${Date.now()} { viewer { mode kind } }`;
    for (const preferGetForPersistedQueries of [false, false, true]) {
      const exchanges = [];
      const persisting = [persistedExchange({ preferGetForPersistedQueries }), fetchExchange];
      const data = await good(client(exchanges, { exchanges: persisting, preferGetMethod: false }).query(query, {}));
      assert.equal(data.viewer.mode, "TEST");
      const texts = exchanges.filter(({ body }) => body && "query" in JSON.parse(body));
      const known = exchanges.length === 1 && texts.length === 0;
      const registered = exchanges.length === 2 && texts.length === 1;
      assert.ok(known || registered, JSON.stringify(exchanges.map(({ text }) => text)));
      if (preferGetForPersistedQueries) assert.deepEqual([known, exchanges[0].method], [true, "GET"]);
    }
  },
});
