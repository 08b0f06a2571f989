"""Reports and proofs: figures made from the ledger, without an id of their own (W90-W95, rulings 11 and 12)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import ID, Private

from saifu import wallet_csv
from saifu.ledger import reports
from saifu.ledger.chain import Broken
from saifu.ledger.trial_balance import AccountRow, WalletTotal
from saifu.wallet_proofs import CurrencyBalance, Verdict

from .enums import EntryType, Fault, Granularity, WalletFault
from .scalars import Currency
from .values import Money

From = Annotated[
    datetime, strawberry.argument(name="from", description="The first instant, such as 2026-01-01T00:00:00Z.")
]
To = Annotated[
    datetime,
    strawberry.argument(
        description="The instant after the last, later than `from`: what happens then is left out."
    ),
]
Cut = Annotated[
    Granularity,
    strawberry.argument(description="How wide a bucket is; at most 400 buckets. Weeks begin on Monday."),
]
Timezone = Annotated[
    str,
    strawberry.argument(
        description="The IANA time zone in whose calendar buckets are cut, such as Asia/Kolkata."
    ),
]


@strawberry.type(description="All entries of one type and direction in a bucket.")
class EventTypeTotal:
    event_type: EntryType = strawberry.field(description="What made the entries.")
    is_credit: bool = strawberry.field(description="Which way they went.")
    amount: Money = strawberry.field(description="Their sum; positive.")
    count: int = strawberry.field(description="How many there are.")


@strawberry.type(
    description="What came in and went out in `[startsAt, endsAt)`. Opening plus credits less debits is closing (W91)."
)
class SpendBucket:
    starts_at: datetime = strawberry.field(description="The first instant.")
    ends_at: datetime = strawberry.field(description="The instant after the last.")
    opening_balance: Money = strawberry.field(description="The closing balance of the bucket before.")
    closing_balance: Money = strawberry.field(description="The balance at the end.")
    credits_total: Money = strawberry.field(description="All that was added.")
    debits_total: Money = strawberry.field(description="All that was subtracted; positive.")
    spend: Money = strawberry.field(
        description="Payments less their reversals, plus manual debits. Negative when more was reversed (W92)."
    )
    expired: Money = strawberry.field(description="Funds that expired.")
    promotional_granted: Money = strawberry.field(description="New gifts.")
    paid_in: Money = strawberry.field(description="New money of the customers' own.")
    by_event_type: list[EventTypeTotal] = strawberry.field(
        description="The same, by type and direction; what did not occur is left out."
    )

    @classmethod
    def of(cls, bucket: reports.SpendBucket, currency: str) -> "SpendBucket":
        def money(amount_minor: int) -> Money:
            return Money.of(amount_minor, currency)

        return cls(
            starts_at=bucket.starts_at,
            ends_at=bucket.ends_at,
            opening_balance=money(bucket.opening_minor),
            closing_balance=money(bucket.closing_minor),
            credits_total=money(bucket.credits_minor),
            debits_total=money(bucket.debits_minor),
            spend=money(bucket.spend_minor),
            expired=money(bucket.expired_minor),
            promotional_granted=money(bucket.promotional_granted_minor),
            paid_in=money(bucket.paid_in_minor),
            by_event_type=[
                EventTypeTotal(
                    event_type=one.entry_type,
                    is_credit=one.is_credit,
                    amount=money(one.amount_minor),
                    count=one.count,
                )
                for one in bucket.by_event_type
            ],
        )


@strawberry.type(description="The pace of spending, and how long the balance lasts at it (W94).")
class SpendSummary:
    average_daily_spend: str = strawberry.field(
        description="Minor units per day over the last 30 times 24 hours, with two decimals, such as 76.67."
    )
    projected_days_left: int | None = strawberry.field(
        description="Whole days until the balance is spent at that pace; null when nothing is being spent."
    )

    @classmethod
    def of(cls, summary: reports.Summary) -> "SpendSummary":
        return cls(
            average_daily_spend=summary.average_daily_spend, projected_days_left=summary.projected_days_left
        )


@strawberry.type(
    description="Money in and out per bucket, of one wallet or of the whole business in one currency."
)
class SpendReport:
    currency: Currency = strawberry.field(description="The currency of all amounts.")
    buckets: list[SpendBucket] = strawberry.field(description="In order and without a gap, at most 400.")
    summary: SpendSummary | None = strawberry.field(
        description="The pace of spending up to now; null for the whole business."
    )
    rows: Private[Sequence[reports.SpendBucket]]

    @strawberry.field(
        description="The buckets as CSV (RFC 4180): a line of names, then a line each; amounts in the smallest unit, "
        "instants in UTC (W95). All exports have the same columns."
    )
    def csv(self) -> str:
        return wallet_csv.spend_csv(self.rows)

    @classmethod
    def of(
        cls, buckets: Sequence[reports.SpendBucket], summary: reports.Summary | None, currency: str
    ) -> "SpendReport":
        return cls(
            currency=Currency(currency),
            buckets=[SpendBucket.of(bucket, currency) for bucket in buckets],
            summary=SpendSummary.of(summary) if summary else None,
            rows=buckets,
        )


@strawberry.type(
    description="A wallet's balance at the end of `[startsAt, endsAt)`, and how it moved inside (W93)."
)
class TrendBucket:
    starts_at: datetime = strawberry.field(description="The first instant.")
    ends_at: datetime = strawberry.field(description="The instant after the last.")
    closing_balance: Money = strawberry.field(description="The balance at the end.")
    paid_balance: Money = strawberry.field(description="The part of it that is the customer's own money.")
    promotional_balance: Money = strawberry.field(description="The part of it that was a gift.")
    lowest_balance: Money = strawberry.field(description="The lowest inside, opening included.")
    highest_balance: Money = strawberry.field(description="The highest inside, opening included.")

    @classmethod
    def of(cls, bucket: reports.TrendBucket, currency: str) -> "TrendBucket":
        return cls(
            starts_at=bucket.starts_at,
            ends_at=bucket.ends_at,
            closing_balance=Money.of(bucket.closing_minor, currency),
            paid_balance=Money.of(bucket.paid_minor, currency),
            promotional_balance=Money.of(bucket.promotional_minor, currency),
            lowest_balance=Money.of(bucket.lowest_minor, currency),
            highest_balance=Money.of(bucket.highest_minor, currency),
        )


@strawberry.type(description="A wallet's balance over time.")
class BalanceTrend:
    currency: Currency = strawberry.field(description="The currency of all amounts.")
    buckets: list[TrendBucket] = strawberry.field(description="In order and without a gap, at most 400.")
    rows: Private[Sequence[reports.TrendBucket]]

    @strawberry.field(
        description="The buckets as CSV (RFC 4180): a line of names, then a line each; amounts in the smallest unit, "
        "instants in UTC (W95)."
    )
    def csv(self) -> str:
        return wallet_csv.trend_csv(self.rows)

    @classmethod
    def of(cls, buckets: Sequence[reports.TrendBucket], currency: str) -> "BalanceTrend":
        return cls(
            currency=Currency(currency),
            buckets=[TrendBucket.of(bucket, currency) for bucket in buckets],
            rows=buckets,
        )


@strawberry.type(description="One account of the trial balance, seen from itself.")
class TrialBalanceAccount:
    name: str = strawberry.field(description="`wallets` for all wallets together, or a contra account.")
    credits: Money = strawberry.field(description="All that went into it.")
    debits: Money = strawberry.field(description="All that went out of it; positive.")
    balance: Money = strawberry.field(
        description="What is left; of wallets the stored balances, not the difference of the other two."
    )

    @classmethod
    def of(cls, row: AccountRow, currency: str) -> "TrialBalanceAccount":
        return cls(
            name=row.account,
            credits=Money.of(row.credits_minor, currency),
            debits=Money.of(row.debits_minor, currency),
            balance=Money.of(row.balance_minor, currency),
        )


@strawberry.type(
    description="A wallet whose stored balance is not the sum of its entries. There must be none."
)
class DriftedWallet:
    wallet_id: ID = strawberry.field(description="Which wallet.")
    stored_balance: Money = strawberry.field(description="What is stored.")
    entries_balance: Money = strawberry.field(description="What its entries add up to.")

    @classmethod
    def of(cls, wallet: WalletTotal, currency: str) -> "DriftedWallet":
        return cls(
            wallet_id=ID(wallet.wallet_id),
            stored_balance=Money.of(wallet.stored_minor, currency),
            entries_balance=Money.of(wallet.credits_minor - wallet.debits_minor, currency),
        )


@strawberry.type(
    description="All accounts of one currency. Each entry is a transfer, so the sum is 0 (ruling 11)."
)
class TrialBalance:
    currency: Currency = strawberry.field(description="The currency.")
    balanced: bool = strawberry.field(description="Whether the sum is 0 and no wallet has drifted.")
    sum: Money = strawberry.field(description="The sum of all balances: anything but 0 is a fault.")
    accounts: list[TrialBalanceAccount] = strawberry.field(
        description="All wallets together, then every contra account."
    )
    drifted: list[DriftedWallet] = strawberry.field(
        description="Wallets that contradict their entries, up to 100; looked for only without `asOf`."
    )

    @classmethod
    def of(cls, found: CurrencyBalance) -> "TrialBalance":
        return cls(
            currency=Currency(found.currency),
            balanced=found.balanced,
            sum=Money.of(found.sum_minor, found.currency),
            accounts=[TrialBalanceAccount.of(row, found.currency) for row in found.rows],
            drifted=[DriftedWallet.of(wallet, found.currency) for wallet in found.drifted],
        )


@strawberry.type(description="The first ledger entry that does not hold.")
class BrokenEntry:
    ledger_entry_id: ID = strawberry.field(description="Which entry.")
    sequence: int = strawberry.field(description="Its number in the wallet.")
    fault: Fault = strawberry.field(description="What is wrong with it.")

    @classmethod
    def of(cls, broken: Broken) -> "BrokenEntry":
        return cls(ledger_entry_id=ID(broken.entry_id), sequence=broken.sequence, fault=broken.fault)


@strawberry.type(description="What a verification of a wallet's ledger found (ruling 12).")
class LedgerVerification:
    intact: bool = strawberry.field(description="Whether everything holds.")
    entries_checked: int = strawberry.field(description="How many entries were recomputed.")
    broken: BrokenEntry | None = strawberry.field(description="The first entry that does not hold.")
    fault: WalletFault | None = strawberry.field(
        description="What else does not agree; looked for only when every entry holds."
    )
    fault_id: ID | None = strawberry.field(
        description="The id of the wallet, entry or lot that the fault is about."
    )
    head: str = strawberry.field(
        description="The hash of the last entry, 64 zeros before the first. Keep it: a later ledger must contain it."
    )

    @classmethod
    def of(cls, verdict: Verdict) -> "LedgerVerification":
        return cls(
            intact=verdict.intact,
            entries_checked=verdict.entries_checked,
            broken=BrokenEntry.of(verdict.broken) if verdict.broken else None,
            fault=verdict.fault,
            fault_id=ID(verdict.fault_id) if verdict.fault_id else None,
            head=verdict.head,
        )
