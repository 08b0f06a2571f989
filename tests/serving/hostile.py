"""Documents that were written to hurt: to be slow, to be loud, or to break something.

They use names of `shop.py`, which are names of the product's schema too, so that most of them get past a
gateway's first look. Each comes with the code it is refused with there, or None where it is harmless and passes.
"""

from collections.abc import Callable

PARSE = "GRAPHQL_PARSE_FAILED"
WRONG = "GRAPHQL_VALIDATION_FAILED"
COSTLY = "QUERY_TOO_COSTLY"
BAD = "BAD_USER_INPUT"

CUSTOMER = 'customer(id: "cus_1")'


def each(count: int, form: Callable[[int], str], between: str = " ") -> str:
    return between.join(form(number) for number in range(count))


def nested(count: int, opening: str, inner: str, closing: str) -> str:
    return opening * count + inner + closing * count


def fragments(count: int, form: Callable[[int], str]) -> str:
    return each(count, lambda number: f"fragment F{number} on Query {{ {form(number)} }}")


def within(inner: str) -> str:
    return f"{{ {CUSTOMER} {{ {inner} }} }}"


def literal(value: str) -> str:
    return f"{{ customer(id: {value}) {{ id }} }}"


DEEP = {
    "100 000 open braces": ("{" * 100_000, COSTLY),
    "100 000 open brackets": ("[" * 100_000, COSTLY),
    "30 000 open braces": ("{" * 30_000, PARSE),
    "fields nested 5 000 deep": (nested(5_000, "{a", "{b}", "}"), COSTLY),
    "fields nested 100 deep": (nested(100, "{a", "{b}", "}"), COSTLY),
    "valid fields nested 60 deep": (within(nested(30, "wallets{customer{", "id", "}}")), COSTLY),
    "inline fragments nested 100 deep": ("{" + nested(100, "...{", "__typename", "}") + "}", COSTLY),
    "a list literal nested 10 000 deep": (literal(nested(10_000, "[", "1", "]")), COSTLY),
    "a list literal nested 190 deep": (literal(nested(190, "[", "1", "]")), WRONG),
    "an object literal nested 190 deep": (literal(nested(190, "{a:", "1", "}")), WRONG),
    "a list type nested 1 000 deep": ("query($a:" + nested(1_000, "[", "Int", "]") + "){__typename}", COSTLY),
    "a long chain of fragments": ("{...F0}" + fragments(150, lambda n: f"...F{n + 1}"), COSTLY),
}

WIDE = {
    "1 900 times the same leaf": ("{" + "__typename " * 1_900 + "}", COSTLY),
    "1 900 times the same leaf below": (within("id " * 1_900), COSTLY),
    "400 times the same object": (within("wallets{currency} " * 400), COSTLY),
    "objects that overlap at every level": (within("wallets{customer{wallets{currency}}} " * 190), COSTLY),
    "arguments that overlap": (within("ledgerEntries(first:1){nodes{id}} " * 150), COSTLY),
    "fragments that overlap": (
        within(each(80, lambda n: f"...F{n}"))
        + each(80, lambda n: f"fragment F{n} on Customer{{wallets{{currency}}}}"),
        COSTLY,
    ),
    "fragments side by side": (
        within(each(140, lambda n: f"...F{n}"))
        + each(140, lambda n: f"fragment F{n} on Customer{{id name}}"),
        COSTLY,
    ),
    "types that overlap": (
        "{node(id:1){%s}}" % ("...on Customer{wallets{id}} ...on Wallet{id} " * 110),
        COSTLY,
    ),
    "40 000 tokens": ("{" + "a " * 30_000 + "}", COSTLY),
    "900 unknown fields": (within(each(900, lambda n: f"custo{n}")), WRONG),
    "2 000 aliases of one leaf": ("{" + each(2_000, lambda n: f"a{n}:__typename") + "}", COSTLY),
    "101 aliases": ("{" + each(101, lambda n: f"a{n}:__typename") + "}", COSTLY),
    "61 aliases below": (within(each(61, lambda n: f"a{n}:id")), COSTLY),
    "51 root fields": ("{" + "__typename " * 51 + "}", COSTLY),
    "root fields behind fragments": ("{" + "...F0 " * 60 + "} fragment F0 on Query {__typename}", COSTLY),
}

FRAGMENTS = {
    **{
        f"{count} fragments that double": (
            "{...F0}"
            + fragments(count, lambda n: f"...F{n + 1} ...F{n + 1}")
            + f"fragment F{count} on Query{{__typename}}",
            COSTLY,
        )
        for count in (18, 20, 30, 60)
    },
    "fragments that double inside fields": (
        within("...F0")
        + each(
            12,
            lambda n: (
                f"fragment F{n} on Customer{{a:wallets{{customer{{...F{n + 1}}}}} friends{{...F{n + 1}}}}}"
            ),
        )
        + "fragment F12 on Customer{id}",
        COSTLY,
    ),
    "a fragment that spreads itself": ("{...F0} fragment F0 on Query{...F0}", WRONG),
    "two fragments that spread each other": ("{...F0}" + fragments(2, lambda n: f"...F{1 - n}"), WRONG),
    "a circle of 150 fragments": ("{...F0}" + fragments(150, lambda n: f"...F{(n + 1) % 150}"), WRONG),
    "150 fragments that all spread each other": (
        "{...F0}" + fragments(25, lambda n: each(25, lambda other: f"...F{other}")),
        WRONG,
    ),
    "190 unused fragments": ("{__typename}" + fragments(190, lambda n: "__typename"), WRONG),
    "300 fragments": ("{__typename}" + fragments(250, lambda n: "id"), COSTLY),
    "150 fragments of one name": ("{...F0}" + "fragment F0 on Query{__typename} " * 150, WRONG),
    "unknown fragments": ("{" + each(600, lambda n: f"...F{n}") + "}", WRONG),
}

DIRECTIVES = {
    "1 500 unknown directives": ("{__typename " + each(1_500, lambda n: f"@a{n}") + "}", COSTLY),
    "90 unknown directives": ("{__typename " + each(90, lambda n: f"@a{n}") + "}", WRONG),
    "90 times the same directive": ("{__typename " + "@skip(if:true)" * 90 + "}", WRONG),
    "directives behind fragments": (
        within("...F0 " * 55) + "fragment F0 on Customer {id @skip(if:true) @include(if:true)}",
        COSTLY,
    ),
    "directives on variables": ("query(" + each(150, lambda n: f"$v{n}:Int @a") + "){__typename}", COSTLY),
    "a directive with 300 arguments": ("{__typename @skip(" + "if:true " * 300 + ")}", WRONG),
}

TEXTS = {
    "a name of 200 kB": ("{" + "x" * 200_000 + "}", COSTLY),
    "a name of 60 kB": ("{" + "x" * 60_000 + "}", WRONG),
    "an alias of 60 kB": ("{" + "x" * 60_000 + ":__typename}", COSTLY),
    "a name that is nearly right, 6 000 times": ("{" + "customers" * 6_000 + "}", WRONG),
    "a string of 60 kB": (literal(f'"{"x" * 60_000}"'), None),
    "a string where a number belongs": ('{customers(first:"' + "x" * 60_000 + '"){nodes{id}}}', WRONG),
    "a string that never ends": ('{customer(id:"' + "x" * 60_000, PARSE),
    "a block string of 3 900 lines": (literal(f'"""{chr(10).join(["  x"] * 3_900)}"""'), None),
    "a block string of 60 000 lines": (literal(f'"""{chr(10) * 60_000}"""'), COSTLY),
    "10 000 escapes": (literal('"' + "\\u0041" * 10_000 + '"'), None),
    "half a surrogate pair, escaped": (literal('"\\ud83d"'), PARSE),
    "a code point beyond Unicode": (literal('"\\u{110000}"'), PARSE),
    "half a surrogate pair": (literal('"\ud83d"'), PARSE),
    "a number of 60 000 digits": ("{customers(first:" + "9" * 60_000 + "){nodes{id}}}", WRONG),
    "1 800 long numbers": (literal("[" + each(1_800, lambda n: "9" * 30) + "]"), WRONG),
    "an exponent that overflows": ("{customers(first:1e999999999){nodes{id}}}", WRONG),
    "a default of 60 000 digits": (
        f"query($n:Int={'9' * 60_000}){{customers(first:$n){{nodes{{id}}}}}}",
        WRONG,
    ),
    "a byte order mark": ("\ufeff{__typename}", None),
    "60 byte order marks": ("\ufeff" * 60 + "{__typename}", None),
    "a NUL": ("{__typename\x00}", PARSE),
    "NULs only": ("\x00" * 1_000, PARSE),
    "comments only": ("# nothing\n" * 100, PARSE),
    "3 900 comments": ("#\n" * 3_900 + "{__typename}", COSTLY),
    "60 000 lines": ("\n" * 60_000 + "{__typename}", COSTLY),
    "60 000 carriage returns": ("\r" * 60_000 + "{nothing}", COSTLY),
    "mistakes below 3 900 lines": ("\n" * 3_900 + within(each(200, lambda n: "x:id x:name")), COSTLY),
    "60 000 commas": ("," * 60_000 + "{__typename}", None),
    "other letters": ("{ имя }", PARSE),
    "nothing": ("", PARSE),
}

DEFINITIONS = {
    "600 operations": (each(300, lambda n: f"query Q{n}{{__typename}}"), COSTLY),
    "24 operations of one name": ("query Q{__typename} " * 24, WRONG),
    "24 anonymous operations": ("{__typename}" * 24, WRONG),
    "operations by fragments": (
        each(25, lambda n: f"query Q{n}{{{each(14, lambda other: f'...F{other}')}}}")
        + fragments(14, lambda n: "__typename"),
        BAD,
    ),
    "operations by uses of a variable": (
        each(25, lambda n: f"query Q{n}($v:ID!){{...F}}")
        + f"fragment F on Query{{nodes(ids:[{'$v ' * 800}]){{id}}}}",
        BAD,
    ),
    "operations by unknown variables": (
        each(25, lambda n: f"query Q{n}{{...F}}")
        + f"fragment F on Query{{nodes(ids:[{each(700, lambda n: f'$v{n}')}]){{id}}}}",
        WRONG,
    ),
    "fragments and no operation": ("fragment F on Query{__typename}", WRONG),
    "450 variables": ("query(" + each(450, lambda n: f"$v{n}:Int") + "){__typename}", WRONG),
    "450 variables of unknown types": ("query(" + each(450, lambda n: f"$v{n}:Custome{n}") + "){id}", WRONG),
    "variables in circles of defaults": ("query($a:Int=$b,$b:Int=$a){__typename}", PARSE),
    "600 unknown arguments": (f"{{customer({each(600, lambda n: f'a{n}:1')}){{id}}}}", WRONG),
    "600 times the same argument": (f"{{customer({'id:1 ' * 600}){{id}}}}", WRONG),
    "a list of 1 900 wrong values": (literal("[" + "null " * 1_900 + "]"), WRONG),
    "250 type definitions": (each(250, lambda n: f"type T{n}{{a:Int}}"), WRONG),
    "a schema extension": ("extend type Query{secret:String} {__typename}", WRONG),
    "a subscription of many roots": ("subscription{" + "events{id} " * 40 + "}", None),
    "a subscription of two roots": ('subscription{events{id} walletBalance(id:"1"){id}}', WRONG),
}

COSTS = {
    "a page of a billion": ("{customers(first:1000000000){nodes{id}}}", COSTLY),
    "pages of pages": (
        "{customers(first:100){nodes{ledgerEntries(first:100){nodes{customer{ledgerEntries{nodes{id}}}}}}}}",
        COSTLY,
    ),
    "lists of lists": (within(nested(12, "friends{", "id", "}")), COSTLY),
    "a negative page": ("{customers(first:-5){nodes{id}}}", None),
    "two movements of money": ("mutation{a:ledgerEntryCreate{id} b:walletTopUp{id}}", BAD),
    "a movement of money that is skipped, and one that is not": (
        "mutation{...F ...F} fragment F on Mutation{ledgerEntryCreate @skip(if:true){id}}",
        BAD,
    ),
}

INTROSPECTION = {
    "the schema": ("{__schema{types{name}}}", WRONG),
    "a type behind fragments": (
        '{...F0} fragment F0 on Query{...F1} fragment F1 on Query{__type(name:"Money"){name}}',
        WRONG,
    ),
    "the schema in circles": (
        "{__schema{types{" + nested(4, "fields{type{", "name", "}}") + "}}}",
        WRONG,
    ),
    "the schema in circles by fragments": (
        "{__schema{types{...F}}} fragment F on __Type{fields{type{...G}}} fragment G on __Type{fields{type{...F}}}",
        WRONG,
    ),
    "50 schemas": (
        "{" + each(50, lambda n: f"a{n}:__schema{{types{{fields{{args{{name}}}}}}}}") + "}",
        WRONG,
    ),
}

HOSTILE: dict[str, tuple[str, str | None]] = {
    **DEEP,
    **WIDE,
    **FRAGMENTS,
    **DIRECTIVES,
    **TEXTS,
    **DEFINITIONS,
    **COSTS,
    **INTROSPECTION,
}
"""By name: the document, and the code of its refusal, or None."""
