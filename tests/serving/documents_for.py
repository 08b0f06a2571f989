"""Documents for random schemas: everything that merging fields has to get right."""

from random import Random
from typing import Any

from .worlds import ABSTRACT, CLASSES, NAMES, Shape

SWITCHES = ("a", "b", "c")
DEPTH = 4


class Writer:
    """Writes one document, decided by its dice."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self._shape = shape
        self._dice = Random(seed)
        self._fragments: dict[str, str] = {}

    def document(self) -> str:
        body = self._selection("Query", 0)
        fragments = "".join(self._fragments.values())
        declared = "$a: Boolean! $b: Boolean = true $c: Boolean = false $n: Int $m: Int! = 2 $g: Given"
        used = body + fragments
        wanted = [f"${one}" for one in (*declared.replace("$", " $").split("$")[1:],) if f"${one[0]}" in used]
        head = f"({' '.join(wanted)})" if wanted else ""
        return f"query{head} {body}{fragments}"

    def _selection(self, kind: str, depth: int) -> str:
        parts = [self._part(kind, depth) for _ in range(self._dice.randint(1, 5))]
        return f"{{ {' '.join(part for part in parts if part) or '__typename'} }}"

    def _part(self, kind: str, depth: int) -> str:
        chance = self._dice.random()
        if chance < 0.12:
            return f"{self._dice.choice(['', 'kind: '])}__typename{self._switch()}"
        if chance < 0.24:
            return f"...{self._condition(kind, depth)}"
        if chance < 0.34 and depth < DEPTH:
            return f"...{self._fragment(kind, depth)}{self._switch()}"
        return self._field(kind, depth)

    def _condition(self, kind: str, depth: int) -> str:
        inner = self._dice.choice(["", *self._overlapping(kind)])
        selection = self._selection(inner or kind, max(depth + 1, DEPTH - 1))
        return f"{f' on {inner}' if inner else ''} {self._switch()}{selection}"

    def _overlapping(self, kind: str) -> list[str]:
        if kind == "Query":
            return ["Query"]
        mine = set(ABSTRACT.get(kind, (kind,)))
        others = {**{name: (name,) for name in CLASSES}, **ABSTRACT}
        return sorted(name for name, kinds in others.items() if mine & set(kinds))

    def _fragment(self, kind: str, depth: int) -> str:
        on = self._dice.choice(self._overlapping(kind))
        name = f"{on}{self._dice.randrange(2)}x{depth}"
        if name not in self._fragments:
            self._fragments[name] = ""
            self._fragments[name] = f" fragment {name} on {on} {self._selection(on, depth + 1)}"
        return name

    def _field(self, kind: str, depth: int) -> str:
        names = self._names(kind)
        name = self._dice.choice(names) if names else "__typename"
        if name == "__typename":
            return name
        text, has_arguments = self._shape.fields[name]
        variant = self._dice.randrange(4) if has_arguments else 0
        alias = f"{name}v{variant}: " if variant else self._dice.choice(["", "", f"other_{name}: "])
        arguments = ("", "(n: 5)", "(n: $n, must: $m)", "(given: {c: RED})")[variant]
        if variant == 3 and self._dice.random() < 0.5:
            alias, arguments = f"{name}v4: ", "(given: $g)"
        named = text.strip("[]!")
        composite = named in CLASSES or named in ABSTRACT
        if composite and depth >= DEPTH:
            return "__typename"
        below = self._selection(named, depth + 1) if composite else ""
        return f"{alias}{name}{arguments}{self._switch()} {below}"

    def _names(self, kind: str) -> tuple[str, ...]:
        if kind == "U":
            return ()
        if kind == "Query":
            return NAMES
        kinds = ABSTRACT.get(kind, (kind,))
        return tuple(name for name in NAMES if all(name in self._shape.has[one] for one in kinds))

    def _switch(self) -> str:
        if self._dice.random() < 0.85:
            return ""
        value = self._dice.choice(["true", "false", *(f"${one}" for one in SWITCHES)])
        return f" @{self._dice.choice(['skip', 'include'])}(if: {value})"


def variables(dice: Random) -> dict[str, Any]:
    """Values for all variables that a document can have; the others are ignored."""
    given: dict[str, Any] = {"a": dice.random() < 0.5, "n": dice.choice([None, 1, 2])}
    for name in ("b", "c"):
        if dice.random() < 0.5:
            given[name] = dice.choice([True, False, True, False, None])
    if dice.random() < 0.5:
        given |= {"g": {"n": 1, "c": ["GREEN"]}, "m": 9}
    return given
