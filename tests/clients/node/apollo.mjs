// Apollo Client 4: every link that a front end is likely to put between itself and a gateway.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { BatchHttpLink } from "@apollo/client/link/batch-http";
import { createPersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { getMainDefinition, relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";

import {
  Inbox, WRONG_KEY, WebSocket, aCredit, credit, headers, key, newCustomer, please, recorded, run, url, wsUrl,
} from "./harness.mjs";

// The link asks the global one what a closed socket looks like; node 20 has none.
globalThis.WebSocket ??= WebSocket;

const CUSTOMER = gql`query Customer($id: ID!) { customer(id: $id) { id name wallets { id balance { amount currency } } } }`;
const VIEWER = gql`query Viewer { viewer { mode currencies } }`;
const WRONG = gql`query Wrong { viewer { noSuchField } }`;
const BALANCE = gql`subscription Balance($id: ID!) { walletBalance(customerId: $id, currency: "USD") {
  ... on WalletSnapshot { cursor wallet { id balance { amount } } }
  ... on WalletChange { cursor balance { amount } } } }`;
const FROM_NOWHERE = gql`subscription Events { events(after: "no cursor") { __typename } }`;
const CREDIT = gql`mutation Credit($input: LedgerEntryCreateInput!) { ledgerEntryCreate(input: $input) {
  wallet { id balance { amount currency } } errors { code } } }`;
const ENTRIES = gql`query Entries($id: ID!, $after: String) { customer(id: $id) { id
  ledgerEntries(first: 2, after: $after, orderBy: CREATED_AT_ASC) {
    edges { cursor node { id sequence } } pageInfo { hasNextPage endCursor } } } }`;

function client(link, cache = {}) {
  return new ApolloClient({ link, cache: new InMemoryCache(cache) });
}

function http(exchanges = [], options = {}) {
  return new HttpLink({ uri: url, headers, fetch: recorded(exchanges), ...options });
}

function persisted(exchanges, options = {}) {
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  return client(createPersistedQueryLink({ sha256, ...options }).concat(http(exchanges)));
}

function socket(credential = key) {
  return createClient({
    url: wsUrl, webSocketImpl: WebSocket, connectionParams: { authorization: `Bearer ${credential}` }, retryAttempts: 0,
  });
}

function listen(apollo, query, variables) {
  const inbox = new Inbox();
  const subscription = apollo.subscribe({ query, variables }).subscribe({
    next: ({ data, error }) => (error ? inbox.fail(error) : inbox.put(data)),
    error: inbox.fail,
    complete: inbox.end,
  });
  return Object.assign(inbox, { stop: () => subscription.unsubscribe() });
}

async function follows(apollo) {
  const id = await newCustomer();
  const stream = listen(apollo, BALANCE, { id });
  assert.equal((await stream.take()).walletBalance.wallet.balance.amount, 0);
  for (const [amount, balance] of [[12_50, 12_50], [50, 13_00]]) {
    await credit(id, amount);
    assert.equal((await stream.take()).walletBalance.balance.amount, balance);
  }
  stream.stop();
}

async function codeOf(failing) {
  const error = await failing.then(() => assert.fail("it succeeded"), (reason) => reason);
  assert.ok(CombinedGraphQLErrors.is(error), `not errors of GraphQL: ${error.stack}`);
  return error.errors[0].extensions.code;
}

// The same text twice would find what an earlier case has registered.
const unheardOf = (name) => gql`query ${name}${Date.now()} { viewer { mode kind } }`;

await run({
  "a query answers application/graphql-response+json and fills the cache": async () => {
    const [id, exchanges] = [await newCustomer(), []];
    const apollo = client(http(exchanges));
    const { data } = await apollo.query({ query: CUSTOMER, variables: { id } });
    assert.deepEqual([data.customer.id, data.customer.wallets.length], [id, 2]);
    const again = await apollo.query({ query: CUSTOMER, variables: { id } });
    assert.deepEqual(again.data, data);
    assert.deepEqual(exchanges.map(({ status }) => status), [200]);
    assert.match(exchanges[0].type, /^application\/graphql-response\+json/);
  },

  "a mutation's answer updates what a watched query shows": async () => {
    const id = await newCustomer();
    const apollo = client(http());
    const shown = new Inbox();
    const watched = apollo.watchQuery({ query: CUSTOMER, variables: { id }, notifyOnNetworkStatusChange: false });
    const watching = watched.subscribe(({ data }) => data?.customer && shown.put(data.customer.wallets[0].balance.amount));
    assert.equal(await shown.take(), 0);
    const { data } = await apollo.mutate({ mutation: CREDIT, variables: { input: aCredit(id, 7_00) } });
    assert.deepEqual(data.ledgerEntryCreate.errors, []);
    assert.equal(await shown.take(), 7_00);
    watching.unsubscribe();
  },

  "queries by GET": async () => {
    const [id, exchanges] = [await newCustomer(), []];
    const { data } = await client(http(exchanges, { useGETForQueries: true })).query({ query: CUSTOMER, variables: { id } });
    assert.equal(data.customer.id, id);
    assert.equal(exchanges[0].method, "GET");
  },

  "an invalid document is errors of GraphQL with a code, by POST and by GET": async () => {
    for (const useGETForQueries of [false, true]) {
      const exchanges = [];
      const failing = client(http(exchanges, { useGETForQueries })).query({ query: WRONG });
      assert.equal(await codeOf(failing), "GRAPHQL_VALIDATION_FAILED");
      assert.equal(exchanges[0].status, 400);
      assert.ok(!("data" in JSON.parse(exchanges[0].text)));
    }
  },

  "a value that cannot be is errors of GraphQL with a code": async () => {
    const failing = client(http()).query({ query: CUSTOMER, variables: { id: { not: "an id" } } });
    assert.equal(await codeOf(failing), "BAD_USER_INPUT");
  },

  "a wrong key is UNAUTHENTICATED with status 401": async () => {
    const exchanges = [];
    const apollo = client(http(exchanges, { headers: { authorization: `Bearer ${WRONG_KEY}` } }));
    assert.equal(await codeOf(apollo.query({ query: VIEWER })), "UNAUTHENTICATED");
    assert.equal(exchanges[0].status, 401);
  },

  "a batch is refused as a whole, and each of its operations is told": async () => {
    const [id, exchanges] = [await newCustomer(), []];
    const apollo = client(new BatchHttpLink({ uri: url, headers, fetch: recorded(exchanges) }));
    const outcomes = await Promise.allSettled([
      apollo.query({ query: VIEWER }), apollo.query({ query: CUSTOMER, variables: { id } }),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
    assert.deepEqual(exchanges.map(({ body, status }) => [JSON.parse(body).length, status]), [[2, 400]]);
    assert.equal(JSON.parse(exchanges[0].text).errors[0].extensions.code, "BAD_USER_INPUT");
  },

  "a persisted query is registered once and then known by its hash": async () => {
    const query = unheardOf("Persisted");
    for (const [round, expected] of [["new", [false, true]], ["known", [false]]]) {
      const exchanges = [];
      const { data } = await persisted(exchanges).query({ query });
      assert.equal(data.viewer.mode, "TEST", round);
      const sentTexts = exchanges.map(({ body }) => "query" in JSON.parse(body));
      assert.deepEqual(sentTexts, expected, `${round}: ${exchanges.map(({ text }) => text)}`);
    }
  },

  "a persisted query by GET": async () => {
    const query = unheardOf("ByGet");
    const first = [];
    await persisted(first, { useGETForHashedQueries: true }).query({ query });
    assert.equal(first[0].method, "GET");
    const second = [];
    const { data } = await persisted(second, { useGETForHashedQueries: true }).query({ query });
    assert.equal(data.viewer.mode, "TEST");
    assert.deepEqual(second.map(({ method }) => method), ["GET"]);
  },

  "a persisted query that is invalid is refused, not asked for again": async () => {
    const exchanges = [];
    assert.equal(await codeOf(persisted(exchanges).query({ query: WRONG })), "GRAPHQL_VALIDATION_FAILED");
    assert.equal(exchanges.length, 2);
  },

  "split: queries over HTTP, subscriptions over websocket": async () => {
    const [exchanges, connection] = [[], socket()];
    const split = ApolloLink.split(
      ({ query }) => getMainDefinition(query).operation === "subscription",
      new GraphQLWsLink(connection),
      http(exchanges),
    );
    const apollo = client(split);
    await apollo.query({ query: VIEWER });
    await follows(apollo);
    assert.equal(exchanges.length, 1);
    await connection.dispose();
  },

  "queries and mutations over websocket": async () => {
    const [id, connection] = [await newCustomer(), socket()];
    const apollo = client(new GraphQLWsLink(connection));
    await apollo.mutate({ mutation: CREDIT, variables: { input: aCredit(id, 3_00) } });
    const { data } = await apollo.query({ query: CUSTOMER, variables: { id } });
    assert.equal(data.customer.wallets[0].balance.amount, 3_00);
    await connection.dispose();
  },

  "a subscription refused over websocket is errors of GraphQL": async () => {
    const connection = socket();
    const error = await listen(client(new GraphQLWsLink(connection)), FROM_NOWHERE).failure();
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.equal(error.errors[0].extensions.code, "BAD_USER_INPUT");
    await connection.dispose();
  },

  "a wrong key over websocket is told by its close code": async () => {
    const error = await listen(client(new GraphQLWsLink(socket(WRONG_KEY))), FROM_NOWHERE).failure();
    assert.match(error.message, /4401/);
  },

  "a subscription over HTTP is multipart/mixed and follows at once": async () => {
    const exchanges = [];
    await follows(client(http(exchanges)));
    assert.match(exchanges[0].accept, /subscriptionSpec=1\.0/);
    assert.match(exchanges[0].type, /^multipart\/mixed/);
  },

  "a subscription over HTTP whose gateway is told to stop fails, since it has not come to its end": async () => {
    const stream = listen(client(http()), BALANCE, { id: await newCustomer() });
    await stream.take();
    await please("stop and start");
    await stream.failure();
  },

  "a subscription refused over HTTP is errors of GraphQL": async () => {
    const error = await listen(client(http()), FROM_NOWHERE).failure();
    assert.ok(CombinedGraphQLErrors.is(error), String(error.stack));
    assert.equal(error.errors[0].extensions.code, "BAD_USER_INPUT");
  },

  "Relay-style pagination fetches all pages without a gap": async () => {
    const id = await newCustomer();
    for (let amount = 1; amount <= 5; amount += 1) await credit(id, amount);
    const typePolicies = { Customer: { fields: { ledgerEntries: relayStylePagination() } } };
    const watched = client(http(), { typePolicies }).watchQuery({ query: ENTRIES, variables: { id } });
    const shown = new Inbox();
    const watching = watched.subscribe(({ data }) => data?.customer && shown.put(data.customer.ledgerEntries));
    let entries = await shown.take();
    while (entries.pageInfo.hasNextPage) {
      const seen = entries.edges.length;
      await watched.fetchMore({ variables: { after: entries.pageInfo.endCursor } });
      // What is shown first is that something is being fetched.
      while (entries.edges.length === seen) entries = await shown.take();
    }
    assert.deepEqual(entries.edges.map(({ node }) => node.sequence), [1, 2, 3, 4, 5]);
    watching.unsubscribe();
  },
});
