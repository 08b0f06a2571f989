// relay-runtime with the artifacts that relay-compiler made of operations.ts from the printed schema.
import assert from "node:assert/strict";
import { register } from "node:module";

import { createClient } from "graphql-ws";
import relay from "relay-runtime";

import { Inbox, WebSocket, aCredit, credit, headers, key, newCustomer, run, url, wsUrl } from "../harness.mjs";

const { Environment, Network, Observable, RecordSource, Store } = relay;
const { commitMutation, createOperationDescriptor, fetchQuery, getSingularSelector, requestSubscription } = relay;

register("./resolve.mjs", import.meta.url);

async function artifact(name) {
  return (await import(`./__generated__/operations${name}.graphql.js`)).default;
}

async function ask({ text, name }, variables) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: text, operationName: name, variables }),
  });
  return response.json();
}

function environment(socket) {
  const follow = ({ text, name }, variables) =>
    Observable.create((sink) => socket.subscribe({ query: text, operationName: name, variables }, sink));
  return new Environment({ network: Network.create(ask, socket && follow), store: new Store(new RecordSource()) });
}

/** What a fragment shows of a query that was fetched. */
async function shown(relaying, query, variables, fragment, select) {
  const operation = createOperationDescriptor(query, variables);
  const held = relaying.retain(operation);
  const { data } = relaying.lookup(operation.fragment);
  held.dispose();
  return relaying.lookup(getSingularSelector(fragment, select(data))).data;
}

await run({
  "a query with variables, an enum and a filter": async () => {
    const name = `Relay ${Date.now()}`;
    await newCustomer(name);
    const variables = { filter: { name }, orderBy: "NAME_ASC" };
    const { customers } = await fetchQuery(environment(), await artifact("CustomersQuery"), variables).toPromise();
    assert.equal(customers.totalCount, 1);
    assert.equal(customers.nodes[0].name, name);
  },

  "a connection is paged through by its refetch query, without a gap": async () => {
    const [id, count] = [await newCustomer(), 2];
    for (let amount = 1; amount <= 5; amount += 1) await credit(id, amount);
    const [query, more, fragment] = [
      await artifact("LedgerQuery"), await artifact("LedgerPaginationQuery"), await artifact("Ledger_customer"),
    ];
    const relaying = environment();
    const variables = { id, count };
    await fetchQuery(relaying, query, variables).toPromise();
    const entries = async () =>
      (await shown(relaying, query, variables, fragment, ({ node }) => node.customer)).ledgerEntries;
    let page = await entries();
    assert.equal(page.edges.length, 2);
    while (page.pageInfo.hasNextPage) {
      await fetchQuery(relaying, more, { id, count, cursor: page.pageInfo.endCursor }).toPromise();
      page = await entries();
    }
    assert.deepEqual(page.edges.map(({ node }) => node.sequence), [1, 2, 3, 4, 5]);
  },

  "a mutation and its refusal": async () => {
    const [id, mutation, relaying] = [await newCustomer(), await artifact("CreditMutation"), environment()];
    const commit = (input) =>
      new Promise((resolve, reject) => {
        commitMutation(relaying, { mutation, variables: { input }, onCompleted: resolve, onError: reject });
      });
    const done = (await commit(aCredit(id, 5_00))).ledgerEntryCreate;
    assert.deepEqual([done.wallet.balance.amount, done.errors], [5_00, []]);
    const refused = (await commit({ ...aCredit(id, 9_00), entryType: "DEBIT" })).ledgerEntryCreate;
    assert.equal(refused.wallet, null);
    assert.deepEqual(refused.errors.map((e) => [e.code, e.shortfall.amount]), [["INSUFFICIENT_WALLET_FUNDS", 4_00]]);
  },

  "a subscription changes what the store holds": async () => {
    const id = await newCustomer();
    const socket = createClient({
      url: wsUrl, webSocketImpl: WebSocket, connectionParams: { authorization: `Bearer ${key}` }, retryAttempts: 0,
    });
    const [relaying, inbox] = [environment(socket), new Inbox()];
    const following = requestSubscription(relaying, {
      subscription: await artifact("BalanceSubscription"), variables: { id }, onNext: inbox.put, onError: inbox.fail,
    });
    const { wallet } = (await inbox.take()).walletBalance;
    const stored = () => {
      const balance = relaying.getStore().getSource().get(relaying.getStore().getSource().get(wallet.id).balance.__ref);
      return balance.amount;
    };
    assert.equal(stored(), 0);
    await credit(id, 8_00);
    assert.equal((await inbox.take()).walletBalance.balance.amount, 8_00);
    assert.equal(stored(), 8_00);
    following.dispose();
    await socket.dispose();
  },
});
