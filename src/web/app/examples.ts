/** Operations that run one after the other as they stand: what one of them makes, the next ones use. */

export interface Example {
  title: string;
  about: string;
  query: string;
  variables: string;
}

/** Stands where a customer's id belongs, until one is known. */
export const UNKNOWN_CUSTOMER = "cus_…";

const json = (variables: object): string => JSON.stringify(variables, null, 2);

export const EXAMPLES: readonly Example[] = [
  {
    title: "Create a customer",
    about: "With a wallet in every enabled currency, at once.",
    query: `# Run this first (Ctrl+Enter, or the button).
# The other tabs then use the customer it makes.
mutation CreateCustomer($input: CustomerCreateInput!) {
  customerCreate(input: $input) {
    customer {
      id
      wallets { balance { amount currency } }
    }
    errors { code message path }
  }
}
`,
    variables: json({ input: { email: "aiko@example.com", name: "Aiko" } }),
  },
  {
    title: "Credit a wallet",
    about: "5000 is 50.00 USD. Run twice, it moves money once.",
    query: `# 5000 is 50.00 USD, in the smallest unit.
# Run it twice, as after a lost answer:
# nothing moves again, and "replayed" is true.
# Another deposit has another idempotencyKey.
mutation CreditWallet($input: LedgerEntryCreateInput!) {
  ledgerEntryCreate(input: $input) {
    ledgerEntry {
      id
      beforeBalance { amount }
      afterBalance { amount }
    }
    wallet { balance { amount currency } }
    replayed
    errors {
      code
      message
      httpStatus
      ... on InsufficientFundsError { shortfall { amount currency } }
    }
  }
}
`,
    variables: json({
      input: {
        customerId: UNKNOWN_CUSTOMER,
        currency: "USD",
        amount: 5000,
        entryType: "CREDIT",
        reason: "Account funding - prepaid deposit",
        idempotencyKey: "deposit_pay_1",
      },
    }),
  },
  {
    title: "Listen to a balance",
    about: "First the wallet as it is, then every change of it.",
    query: `# First the wallet as it is, then every change.
# Run it, open a "Second tab" with the button
# above, and credit the wallet there.
subscription WalletBalance($customerId: ID!, $currency: Currency) {
  walletBalance(customerId: $customerId, currency: $currency) {
    ... on WalletSnapshot {
      cursor
      wallet { balance { amount currency } }
    }
    ... on WalletChange {
      cursor
      entry { amount { amount } isCredit reason }
      balance { amount currency }
    }
    ... on StreamGap { reason cursor }
  }
}
`,
    variables: json({ customerId: UNKNOWN_CUSTOMER, currency: "USD" }),
  },
  {
    title: "A customer's dashboard",
    about: "Wallets, latest entries and events in one request.",
    query: `# What one customer's page shows, in one request.
query Dashboard($id: ID!) {
  customer(id: $id) {
    id
    name
    email
    createdAt
    wallets {
      id
      balance { amount currency }
      paidBalance { amount }
      promotionalBalance { amount }
    }
    ledgerEntries(first: 10) {
      nodes {
        id
        isCredit
        amount { amount currency }
        afterBalance { amount }
        reason
        createdAt
      }
      pageInfo { hasNextPage endCursor }
    }
    events(first: 5) {
      nodes { type sequence occurredAt }
    }
  }
}
`,
    variables: json({ id: UNKNOWN_CUSTOMER }),
  },
  {
    title: "Everything that happens",
    about: "The event log from its first event on, then live.",
    query: `# From the first event kept, then StreamReady,
# then whatever happens. With the last cursor
# you have dealt with in "after", from there.
subscription Events($after: Cursor) {
  events(after: $after) {
    __typename
    ... on Event { cursor sequence type occurredAt customerId data }
    ... on StreamReady { cursor }
    ... on StreamGap { reason cursor }
  }
}
`,
    variables: json({ after: "0" }),
  },
];
