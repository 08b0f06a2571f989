// What a front end with Relay would ask: read by relay-compiler, never run.
import { graphql } from "relay-runtime";

export const ledger = graphql`
  query operationsLedgerQuery($id: ID!, $count: Int!) {
    node(id: $id) {
      ...operationsLedger_customer @arguments(count: $count) @alias(as: "customer")
    }
    viewer {
      mode
      currencies
    }
  }
`;

export const page = graphql`
  fragment operationsLedger_customer on Customer
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "operationsLedgerPaginationQuery") {
    name
    ledgerEntries(first: $count, after: $cursor, orderBy: CREATED_AT_ASC) @connection(key: "operations_ledgerEntries") {
      edges {
        node {
          ...operationsEntry_entry
          sequence
        }
      }
    }
  }
`;

export const entry = graphql`
  fragment operationsEntry_entry on LedgerEntry {
    amount {
      amount
      currency
    }
    eventType
    createdAt
    metadata
  }
`;

export const customers = graphql`
  query operationsCustomersQuery($filter: CustomerFilter, $orderBy: CustomerOrder!) {
    customers(first: 5, filter: $filter, orderBy: $orderBy) {
      nodes {
        id
        name
        preferredLocale
      }
      totalCount
    }
  }
`;

export const credit = graphql`
  mutation operationsCreditMutation($input: LedgerEntryCreateInput!) {
    ledgerEntryCreate(input: $input) {
      wallet {
        balance {
          amount
        }
      }
      errors {
        __typename
        code
        message
        ... on InsufficientFundsError {
          shortfall {
            amount
          }
        }
      }
    }
  }
`;

export const balance = graphql`
  subscription operationsBalanceSubscription($id: ID!) {
    walletBalance(customerId: $id, currency: "USD") {
      __typename
      ... on WalletSnapshot {
        cursor
        wallet {
          id
          balance {
            amount
          }
        }
      }
      ... on WalletChange {
        cursor
        balance {
          amount
        }
        entry {
          wallet {
            id
            balance {
              amount
            }
          }
        }
      }
      ... on StreamGap {
        reason
      }
    }
  }
`;
