// What a component would do with Relay's types; `tsc --strict` says whether they are of use.
import type { operationsBalanceSubscription$data } from "./__generated__/operationsBalanceSubscription.graphql";
import type { operationsCreditMutation$variables } from "./__generated__/operationsCreditMutation.graphql";
import type { operationsCustomersQuery$data } from "./__generated__/operationsCustomersQuery.graphql";
import type { operationsEntry_entry$data } from "./__generated__/operationsEntry_entry.graphql";

export const variables: operationsCreditMutation$variables = {
  input: { customerId: "cus_1", currency: "USD", amount: 12_50, entryType: "CREDIT", idempotencyKey: "deposit_1" },
};

// @ts-expect-error an amount is a number of minor units, never a text
variables.input.amount = "12.50";

export function shown(entry: operationsEntry_entry$data): string {
  const notes: Readonly<Record<string, string | number | boolean>> = entry.metadata;
  return `${(entry.amount.amount / 100).toFixed(2)} ${entry.amount.currency} ${Object.keys(notes).length}`;
}

export function names(page: operationsCustomersQuery$data): string[] {
  return page.customers.nodes.map(({ name, preferredLocale }) => `${name} (${preferredLocale ?? "EN"})`);
}

export function balance({ walletBalance }: operationsBalanceSubscription$data): number | null {
  switch (walletBalance.__typename) {
    case "WalletSnapshot":
      return walletBalance.wallet.balance.amount;
    case "WalletChange":
      return walletBalance.balance.amount;
    default:
      return null;
  }
}
