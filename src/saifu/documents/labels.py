"""The words that are printed around a document's content, in the languages there are; a new one is one row.

A customer who reads another language gets these words in English, and amounts and days in their own language all the
same.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Labels:
    """The words of one language. `{}` is where an instrument such as `Visa •••• 4242` goes."""

    language: str
    invoice: str
    top_up: str
    refund: str
    number: str
    date: str
    status: str
    paid: str
    refunded: str
    billed_to: str
    item: str
    quantity: str
    unit_price: str
    tax: str
    amount: str
    tax_included: str
    subtotal: str
    total: str
    payment: str
    from_wallet: str
    from_source: str
    to_wallet: str
    to_source: str
    payment_id: str
    refund_id: str
    invoice_number: str
    reason: str
    test: str


ENGLISH = Labels(
    language="en",
    invoice="Invoice",
    top_up="Receipt for a wallet top-up",
    refund="Refund receipt",
    number="Number",
    date="Date",
    status="Status",
    paid="Paid",
    refunded="Refunded",
    billed_to="Billed to",
    item="Item",
    quantity="Quantity",
    unit_price="Unit price",
    tax="Tax",
    amount="Amount",
    tax_included="{} included",
    subtotal="Subtotal",
    total="Total",
    payment="Payment",
    from_wallet="From wallet",
    from_source="From {}",
    to_wallet="To wallet",
    to_source="To {}",
    payment_id="Payment",
    refund_id="Refund",
    invoice_number="Invoice",
    reason="Reason",
    test="Test mode: this document is a trial, and no real money has moved.",
)
_GERMAN = Labels(
    language="de",
    invoice="Rechnung",
    top_up="Beleg über eine Aufladung",
    refund="Beleg über eine Erstattung",
    number="Nummer",
    date="Datum",
    status="Status",
    paid="Bezahlt",
    refunded="Erstattet",
    billed_to="Rechnung an",
    item="Position",
    quantity="Menge",
    unit_price="Einzelpreis",
    tax="Steuer",
    amount="Betrag",
    tax_included="{} enthalten",
    subtotal="Zwischensumme",
    total="Gesamtbetrag",
    payment="Zahlung",
    from_wallet="Aus dem Guthaben",
    from_source="Von {}",
    to_wallet="Auf das Guthaben",
    to_source="Auf {}",
    payment_id="Zahlung",
    refund_id="Erstattung",
    invoice_number="Rechnung",
    reason="Grund",
    test="Testmodus: Dieser Beleg ist ein Muster, es ist kein echtes Geld geflossen.",
)
_SPANISH = Labels(
    language="es",
    invoice="Factura",
    top_up="Recibo de recarga",
    refund="Recibo de reembolso",
    number="Número",
    date="Fecha",
    status="Estado",
    paid="Pagada",
    refunded="Reembolsado",
    billed_to="Facturado a",
    item="Concepto",
    quantity="Cantidad",
    unit_price="Precio unitario",
    tax="Impuestos",
    amount="Importe",
    tax_included="{} incluido",
    subtotal="Subtotal",
    total="Total",
    payment="Pago",
    from_wallet="Del saldo",
    from_source="De {}",
    to_wallet="Al saldo",
    to_source="A {}",
    payment_id="Pago",
    refund_id="Reembolso",
    invoice_number="Factura",
    reason="Motivo",
    test="Modo de prueba: este documento es una muestra y no se ha movido dinero real.",
)
_FRENCH = Labels(
    language="fr",
    invoice="Facture",
    top_up="Reçu de rechargement",
    refund="Reçu de remboursement",
    number="Numéro",
    date="Date",
    status="Statut",
    paid="Payée",
    refunded="Remboursé",
    billed_to="Facturé à",
    item="Article",
    quantity="Quantité",
    unit_price="Prix unitaire",
    tax="Taxes",
    amount="Montant",
    tax_included="{} inclus",
    subtotal="Sous-total",
    total="Total",
    payment="Paiement",
    from_wallet="Depuis le solde",
    from_source="Depuis {}",
    to_wallet="Vers le solde",
    to_source="Vers {}",
    payment_id="Paiement",
    refund_id="Remboursement",
    invoice_number="Facture",
    reason="Motif",
    test="Mode test : ce document est un essai et aucun argent réel n’a circulé.",
)
_JAPANESE = Labels(
    language="ja",
    invoice="請求書",
    top_up="チャージ領収書",
    refund="返金明細書",
    number="番号",
    date="発行日",
    status="状態",
    paid="支払済み",
    refunded="返金済み",
    billed_to="請求先",
    item="品目",
    quantity="数量",
    unit_price="単価",
    tax="税額",
    amount="金額",
    tax_included="{} 込み",
    subtotal="小計",
    total="合計",
    payment="お支払い",
    from_wallet="ウォレットから",
    from_source="{} から",
    to_wallet="ウォレットへ",
    to_source="{} へ",
    payment_id="支払い",
    refund_id="返金",
    invoice_number="請求書",
    reason="理由",
    test="テストモード:この書類は見本であり、実際のお金は動いていません。",
)
_OF: Mapping[str, Labels] = {each.language: each for each in (ENGLISH, _GERMAN, _SPANISH, _FRENCH, _JAPANESE)}


def labels(locale: str) -> Labels:
    """The words for a customer's language."""
    return _OF.get(locale, ENGLISH)
