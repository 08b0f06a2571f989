// What a front end asks, with a fragment, unions, an interface, enums, a @oneOf input and every scalar of ours.
import { graphql } from "./gql/index.js";

graphql(`
  fragment MoneyParts on Money {
    amount
    currency
  }
`);

export const CREATE = graphql(`
  mutation Create($input: CustomerCreateInput!) {
    customerCreate(input: $input) {
      customer {
        id
        createdAt
        metadata
        preferredLocale
      }
      errors {
        __typename
        code
        path
        retryable
      }
    }
  }
`);

export const CREDIT = graphql(`
  mutation Credit($input: LedgerEntryCreateInput!) {
    ledgerEntryCreate(input: $input) {
      wallet {
        balance {
          ...MoneyParts
        }
      }
      errors {
        __typename
        code
        ... on InsufficientFundsError {
          shortfall {
            ...MoneyParts
          }
        }
        ... on IdempotencyKeyReusedError {
          mismatchedFields
        }
      }
    }
  }
`);

export const BLOCK = graphql(`
  mutation Block($customer: CustomerIdentifier!) {
    customerBlock(input: { customer: $customer }) {
      customer {
        blockedAt
      }
      errors {
        code
      }
    }
  }
`);

export const CUSTOMER = graphql(`
  query Customer($id: ID!, $first: Int = 10, $withEvents: Boolean! = true) {
    customer(id: $id) {
      id
      name
      metadata
      wallets {
        currency
        balance {
          ...MoneyParts
        }
      }
      ledgerEntries(first: $first) {
        nodes {
          eventType
          amount {
            ...MoneyParts
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
      events(first: $first) @include(if: $withEvents) {
        nodes {
          type
          cursor
          data
          object {
            __typename
            id
            ... on LedgerEntry {
              sequence
            }
          }
        }
      }
    }
    viewer {
      usdRates {
        asOf
      }
    }
  }
`);

export const EVENTS = graphql(`
  subscription Events($after: Cursor) {
    events(after: $after) {
      __typename
      ... on Event {
        type
        cursor
      }
      ... on StreamReady {
        cursor
      }
      ... on StreamGap {
        reason
      }
    }
  }
`);
