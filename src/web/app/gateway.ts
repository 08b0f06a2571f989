/** The gateway as the page sees it: who is asking, and how an operation gets there. */

import type { Fetcher, FetcherParams, FetcherReturnType } from "@graphiql/toolkit";
import { getOperationAST, Kind, parse } from "graphql";
import { createClient } from "graphql-ws";
import { credential, isSendable, onCredential } from "./session";

const ENDPOINT = location.pathname;
const UNAUTHORIZED = 4401;
const VIEWER = "{ viewer { mode kind credentialId scopes customerId currencies } }";
const NEWEST = "{ customers(first: 1) { nodes { id } } }";

export interface Viewer {
  mode: "TEST" | "LIVE";
  kind: string;
  credentialId: string;
  scopes: string[];
  customerId: string | null;
  currencies: string[];
}

/** What the gateway says to the credential: who it is, that it is nobody's, or nothing at all. */
export type Standing =
  | { is: "nobody" }
  | { is: "asking" }
  | { is: "known"; viewer: Viewer }
  | { is: "refused"; why: string }
  | { is: "away"; why: string };

const heard = {
  refused: (): void => {},
  created: (_customerId: string): void => {},
  charged: (_paymentId: string): void => {},
};

/** Be told of a refused credential, and of customers and payments made here, whoever asked. */
export function listen(ears: typeof heard): void {
  Object.assign(heard, ears);
}

const bearer = (): string => `Bearer ${credential()}`;

/** Send a request; answers its status and what its JSON says. */
async function send(request: FetcherParams): Promise<{ status: number; body: any }> {
  const response = await fetch(ENDPOINT, {
    method: "POST",
    headers: {
      authorization: bearer(),
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
    },
    body: JSON.stringify(request),
  });
  if (response.status === 401) heard.refused();
  return { status: response.status, body: await response.json() };
}

export async function standing(): Promise<Standing> {
  if (!credential()) return { is: "nobody" };
  if (!isSendable(credential())) return { is: "refused", why: "A key has letters, digits and underscores only." };
  try {
    const { status, body } = await send({ query: VIEWER });
    if (body.data?.viewer) return { is: "known", viewer: body.data.viewer };
    if (status === 401) return { is: "refused", why: "This gateway does not know that key, or it has ended." };
    return { is: "away", why: body.errors?.[0]?.message ?? `The gateway answered with status ${status}.` };
  } catch {
    return { is: "away", why: "Nothing answers at this address. Is the gateway running?" };
  }
}

/** A customer for the examples: the session's own, or the newest; null where there is none to be seen. */
export async function someCustomer(viewer: Viewer): Promise<string | null> {
  if (viewer.customerId) return viewer.customerId;
  if (!viewer.scopes.some((scope) => scope === "ADMIN" || scope === "CUSTOMERS_READ")) return null;
  const { body } = await send({ query: NEWEST }).catch(() => ({ body: null }));
  return body?.data?.customers.nodes[0]?.id ?? null;
}

const socket = createClient({
  url: Object.assign(new URL(ENDPOINT, location.href), {
    protocol: location.protocol === "https:" ? "wss:" : "ws:",
  }).href,
  connectionParams: () => ({ authorization: bearer() }),
  on: {
    closed: (event) => {
      if (event instanceof CloseEvent && event.code === UNAUTHORIZED) heard.refused();
    },
  },
});

// What is being listened to goes on under the new credential, or ends where that one is refused.
onCredential(() => socket.terminate());

async function execute(request: FetcherParams) {
  const { body } = await send(request);
  const made = body.data?.customerCreate?.customer?.id;
  if (typeof made === "string") heard.created(made);
  const charged = body.data?.paymentCreate?.payment?.id;
  if (typeof charged === "string") heard.charged(charged);
  return body;
}

function listenTo(request: FetcherParams): FetcherReturnType {
  const messages = socket.iterate(request);
  const explained = (why: unknown) => {
    throw why instanceof CloseEvent ? new Error(closed(why)) : why;
  };
  const iterator = { next: () => messages.next().catch(explained), return: () => messages.return!() };
  // The types of the two libraries name the same message differently.
  return { [Symbol.asyncIterator]: () => iterator } as FetcherReturnType;
}

const closed = ({ code, reason }: CloseEvent): string =>
  `The websocket was closed with code ${code}${reason ? `: ${reason}` : ""}. Run this again to listen on.`;

/** The operation that is meant: the editor learns its name a moment after its text, so that may be another tab's. */
function meant({ query, operationName, variables }: FetcherParams): [FetcherParams, isSubscription: boolean] {
  const document = parse(query);
  const named = getOperationAST(document, operationName);
  const operation = named ?? document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION);
  const request = { query, variables, operationName: operation?.name?.value ?? null };
  return [request, operation?.operation === "subscription"];
}

export const fetcher: Fetcher = (given) => {
  const [request, isSubscription] = meant(given);
  return isSubscription ? listenTo(request) : execute(request);
};
