/** Operations that run one after the other as they stand: what one of them makes, the next ones use. */

export interface Example {
  title: string;
  about: string;
  query: string;
  variables: string;
}

/** These stand where an id belongs, until one is known. */
export const UNKNOWN_CUSTOMER = "cus_…";
export const UNKNOWN_PAYMENT = "pay_…";

/** The ids that are known by now, by what stands for them. */
export type Known = Readonly<Record<string, string>>;

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
  {
    title: "Save a card",
    about: "Attached to the customer; the first one is the default.",
    query: `# tok_visa is a test card: its bank always agrees.
# Try tok_chargeCustomerFail instead: it can be saved,
# and is declined when it is charged.
mutation SaveCard($input: SourceAttachInput!) {
  sourceAttach(input: $input) {
    source {
      id
      isDefault
      card { brand last4 }
    }
    errors { code message path }
  }
}
`,
    variables: json({ input: { customerId: UNKNOWN_CUSTOMER, source: "tok_visa" } }),
  },
  {
    title: "Charge a card, the wallet first",
    about: "The stored balance pays what it can, the card the rest.",
    query: `# 75.00 USD: what the wallet holds comes from it,
# the rest from the default card. Run it twice:
# nothing is charged again, and "replayed" is true.
mutation ChargeCard($input: PaymentCreateInput!) {
  paymentCreate(input: $input) {
    payment {
      id
      status
      totalAmount { amount currency }
      walletAmount { amount }
      sourceAmount { amount }
      card { network lastFour }
      invoice { number }
    }
    replayed
    errors {
      code
      message
      ... on PaymentDeclinedError { declineCode userMessage }
    }
  }
}
`,
    variables: json({
      input: {
        customerId: UNKNOWN_CUSTOMER,
        currency: "USD",
        amount: 7500,
        useWallet: true,
        description: "Teapot, cast iron",
        idempotencyKey: `order_1_${UNKNOWN_CUSTOMER}`,
      },
    }),
  },
  {
    title: "Follow payments",
    about: "Each after every step that it takes, from the first on.",
    query: `# What has happened to the customer's payments,
# then StreamReady, then what happens.
subscription FollowPayments($customerId: ID, $after: Cursor) {
  paymentUpdated(customerId: $customerId, after: $after) {
    __typename
    ... on PaymentUpdate {
      cursor
      payment { id status totalAmount { amount currency } }
    }
    ... on StreamReady { cursor }
    ... on StreamGap { reason cursor }
  }
}
`,
    variables: json({ customerId: UNKNOWN_CUSTOMER, after: "0" }),
  },
  {
    title: "Refund a part",
    about: "Back in reverse order of use: the card, then the wallet.",
    query: `# 30.00 USD of the payment that was charged last:
# what the card paid goes back to the card,
# and the rest of it into the wallet.
mutation RefundPart($input: RefundCreateInput!) {
  refundCreate(input: $input) {
    refund {
      id
      status
      amount { amount currency }
      sourceAmount { amount }
      walletAmount { amount }
    }
    replayed
    errors { code message path }
  }
}
`,
    variables: json({
      input: {
        paymentId: UNKNOWN_PAYMENT,
        amount: 3000,
        reason: "The lid was broken",
        idempotencyKey: `refund_1_${UNKNOWN_PAYMENT}`,
      },
    }),
  },
  {
    title: "Make a checkout page",
    about: "A page that takes the payment; open its checkoutUrl.",
    query: `# Open "checkoutUrl" in another tab, and pay there
# with 4242 4242 4242 4242, any date to come, any CVC.
mutation MakeCheckout($input: CheckoutSessionCreateInput!) {
  checkoutSessionCreate(input: $input) {
    checkoutUrl
    checkoutSession {
      id
      status
      totalAmount { amount currency }
      expiresAt
    }
    errors { code message path }
  }
}
`,
    variables: json({
      input: {
        currency: "USD",
        customer: { id: UNKNOWN_CUSTOMER },
        lines: [{ name: "Sencha, 100 g", unitAmount: 1250, quantity: 2 }],
        idempotencyKey: `cart_1_${UNKNOWN_CUSTOMER}`,
      },
    }),
  },
];
