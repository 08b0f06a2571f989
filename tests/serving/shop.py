"""A small schema in the words of the product's, so that the same documents mean something to both."""

from graphql import GraphQLSchema, build_schema

SDL = """
interface Node { id: ID! }
union Found = Customer | Wallet | Entry

type Query {
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  find(text: String): [Found!]!
  customer(id: ID!): Customer
  customers(first: Int, after: String, last: Int, before: String): CustomerConnection!
  newest(first: Int = 3): [Customer!]!
  enabled: [String!]!
  page(first: Int): Page!
}
type Page { inside: Inside! }
type Inside { customers: [Customer!]! }
type Customer implements Node {
  id: ID!
  name: String!
  wallets: [Wallet!]
  ledgerEntries(first: Int, last: Int): EntryConnection!
  friends: [Customer!]!
}
type Wallet implements Node { id: ID! currency: String! balance: Money! customer: Customer! }
type Money { amount: Int! currency: String! }
type Entry implements Node { id: ID! customer: Customer amount: Money! lots: [Lot!]! }
type Lot { id: ID! }
type CustomerConnection { edges: [CustomerEdge!]! nodes: [Customer!]! pageInfo: PageInfo! totalCount: Int! }
type CustomerEdge { cursor: String! node: Customer! }
type EntryConnection { nodes: [Entry!]! pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Mutation {
  ledgerEntryCreate(amount: Int): Customer
  walletTopUp(amount: Int): Customer
  customerUpdate(name: String): Customer
}
type Subscription { events(after: String): Entry walletBalance(id: ID!): Wallet }
"""


def shop() -> GraphQLSchema:
    """The schema with the marks that the gateway reads."""
    schema = build_schema(SDL)
    assert schema.query_type
    assert schema.mutation_type
    schema.query_type.fields["nodes"].extensions["size_argument"] = "ids"
    customer = schema.get_type("Customer")
    customer.fields["wallets"].extensions["assumed_size"] = 3  # type: ignore[union-attr]
    customer.fields["friends"].extensions["weight"] = 7  # type: ignore[union-attr]
    for name in ("ledgerEntryCreate", "walletTopUp"):
        schema.mutation_type.fields[name].extensions["moves_money"] = True
    return schema
