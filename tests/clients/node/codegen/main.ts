// What a front end does with the types that graphql-codegen made; compiled with `tsc --strict`, then run.
import assert from "node:assert/strict";

import type { EventsSubscription, TypedDocumentString } from "./gql/graphql.js";
import { headers, run, url } from "../harness.mjs";
import { BLOCK, CREATE, CREDIT, CUSTOMER } from "./operations.js";

type Answer<Result> = { data?: Result; errors?: { message: string; extensions: { code: string } }[] };

async function ask<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const response = await fetch(String(url), {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ query: document.toString(), variables }),
  });
  const { data, errors } = (await response.json()) as Answer<Result>;
  if (!data || errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** Every kind of message is known, and no other. */
function told(message: EventsSubscription["events"]): string {
  switch (message.__typename) {
    case "Event":
      return message.type;
    case "StreamReady":
      return message.cursor;
    case "StreamGap":
      return message.reason;
    default:
      return message satisfies never;
  }
}

async function created(name: string): Promise<string> {
  const { customerCreate } = await ask(CREATE, {
    input: { email: "aiko@example.com", name, metadata: { crm_id: "A-17", vip: true, age: 41 }, preferredLocale: "JA" },
  });
  const { customer, errors } = customerCreate;
  assert.ok(customer, JSON.stringify(errors));
  const createdAt: string = customer.createdAt;
  assert.ok(Date.parse(createdAt) > 0);
  return customer.id;
}

/** Never called: these lines must not compile. */
export async function wrong(): Promise<void> {
  // @ts-expect-error an amount is a number
  await ask(CREDIT, { input: { customerId: "c", currency: "USD", amount: "1", entryType: "CREDIT", idempotencyKey: "k" } });
  // @ts-expect-error the key is not optional
  await ask(CREDIT, { input: { customerId: "c", currency: "USD", amount: 1, entryType: "CREDIT" } });
  // @ts-expect-error either by id or by e-mail address
  await ask(BLOCK, { customer: { id: "c", email: "aiko@example.com" } });
  // @ts-expect-error no such field was asked for
  (await ask(CUSTOMER, { id: "c" })).customer?.email;
}

await run({
  "typed mutations and queries give what their types say": async () => {
    const id = await created("Typed");
    const input = { customerId: id, currency: "USD", amount: 12_50, entryType: "CREDIT", idempotencyKey: "one" } as const;
    const { ledgerEntryCreate } = await ask(CREDIT, { input });
    const balance: number | undefined = ledgerEntryCreate.wallet?.balance.amount;
    assert.equal(balance, 12_50);
    const { customer, viewer } = await ask(CUSTOMER, { id });
    assert.deepEqual(customer?.metadata, { crm_id: "A-17", vip: true, age: 41 });
    assert.deepEqual(customer?.ledgerEntries?.nodes.map(({ amount }) => amount.amount), [12_50]);
    const events: unknown[] = customer?.events?.nodes.map(({ data }) => data) ?? [];
    assert.ok(events.length >= 2);
    assert.deepEqual(viewer.usdRates, []);
  },

  "a refusal is told apart by its type": async () => {
    const id = await created("Refused");
    const input = { customerId: id, currency: "USD", amount: 5, entryType: "DEBIT", idempotencyKey: "one" } as const;
    const [error] = (await ask(CREDIT, { input })).ledgerEntryCreate.errors;
    assert.ok(error?.__typename === "InsufficientFundsError");
    assert.equal(error.shortfall.amount, 5);
  },

  "an input of which exactly one field is given": async () => {
    const { customerBlock } = await ask(BLOCK, { customer: { id: await created("Blocked") } });
    assert.ok(customerBlock.customer?.blockedAt);
  },

  "every message of a stream is told apart": async () => {
    assert.equal(told({ __typename: "StreamGap", reason: "EXPIRED" }), "EXPIRED");
  },
});
