"""Random schemas, resolvers that fail in many ways, and documents for them: the same for two executors.

A world is decided by numbers alone. The value of a field follows from the source's name, the field and its arguments,
so that a resolver answers the same whenever, in whatever order and by whichever executor it is asked.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from types import CoroutineType
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    Undefined,
)

OBJECTS = ("A", "B", "C")
ABSTRACT = {"I": ("A", "B"), "U": ("B", "C")}
LEAVES = ("String", "Int", "Float", "Boolean", "ID", "Colour", "Odd", "Own")
WAYS = ("attribute", "read", "default", "batch", "sync", "async")
NAMES = tuple(f"f{i}" for i in range(8))


class Colour(Enum):
    RED = "r"
    GREEN = "g"


class Thing:
    """A source; what it is asked for is made by its world."""

    def __init__(self, world: "World", ident: str) -> None:
        self.world = world
        self.ident = ident

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            raise AttributeError(name)
        return self.world.attribute(self, name)

    def __repr__(self) -> str:
        return f"<{self.ident}>"


class A(Thing):
    pass


class B(Thing):
    pass


class C(Thing):
    pass


class Stranger(A):
    """Of a class that no mark knows."""


class Folder(Mapping[str, Any]):
    """A source whose fields are items."""

    def __init__(self, thing: Thing) -> None:
        self.thing = thing
        self.ident = thing.ident

    def __getitem__(self, key: str) -> Any:
        if key not in NAMES:
            raise KeyError(key)
        return getattr(self.thing, key)

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            raise AttributeError(name)
        return getattr(self.thing, name)

    def __repr__(self) -> str:
        return f"<folder {self.ident}>"


CLASSES: Mapping[str, type[Thing]] = {"A": A, "B": B, "C": C}


def type_name(value: Any) -> str | None:
    thing = value.thing if isinstance(value, Folder) else value
    return next((name for name, kind in CLASSES.items() if isinstance(thing, kind)), None)


@dataclass(frozen=True)
class Shape:
    """What a world is made of.

    Attributes:
        fields: by name: the type as nested wrappers around a name, and whether it has arguments.
        ways: by object type and field name.
        abstract: how each abstract type tells object types: "marks", "resolve", "later", "asked", "asked later".
        faults: how many of a hundred values are wrong somehow.
        calm: wrong values are only errors of called fields.
    """

    seed: int
    fields: Mapping[str, tuple[str, bool]]
    has: Mapping[str, tuple[str, ...]]
    ways: Mapping[tuple[str, str], str]
    abstract: Mapping[str, str]
    faults: int
    calm: bool = False


@dataclass
class World:
    """A schema with its resolvers, and a record of what was called."""

    shape: Shape
    is_marked: bool
    is_sync: bool = False
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.types: dict[str, Any] = {}
        self.schema = self._schema()

    # Values

    def attribute(self, thing: Any, name: str) -> Any:
        kind = type_name(thing) or "A"
        if self.shape.ways.get((kind, name)) != "default":
            return self.value(thing.ident, name, {}, called=False)
        dice = self._dice(thing.ident, name, "callable")
        if dice.random() < 0.7:
            return self.value(thing.ident, name, {}, called=False)
        if self.is_sync or dice.random() < 0.5:
            return lambda info, **arguments: self.value(thing.ident, name, arguments, called=True)
        return lambda info, **arguments: self._later(thing.ident, name, arguments)

    def value(self, ident: str, name: str, arguments: Mapping[str, Any], called: bool) -> Any:
        text, _ = self.shape.fields[name]
        below = f"{ident}.{name}{sorted(arguments.items()) if arguments else ''}"
        return self._made(text, below, called)

    async def _later(self, ident: str, name: str, arguments: Mapping[str, Any]) -> Any:
        for _ in range(self._dice(ident, name, "ticks").randrange(4)):
            await asyncio.sleep(0)
        return self.value(ident, name, arguments, called=True)

    def _dice(self, *what: Any) -> Random:
        return Random(f"{self.shape.seed}:{what}")

    def _made(self, text: str, ident: str, called: bool) -> Any:
        dice = self._dice(ident, text)
        if dice.random() * 100 < self.shape.faults and (
            not self.shape.calm or (called and "/" not in ident.rpartition(".")[2])
        ):
            return self._fault(dice, ident)
        if text.endswith("!"):
            return self._made(text[:-1], ident, called)
        if not self.shape.calm and dice.random() < 0.06:
            return None
        if text.startswith("["):
            return self._list(text[1:-1], ident, called, dice)
        return self._named(text, ident, dice)

    def _fault(self, dice: Random, ident: str) -> Any:
        kind = 0 if self.shape.calm else dice.randrange(7)
        if kind == 0:
            raise ValueError(f"raised at {ident}")
        return (None, ValueError(f"returned at {ident}"), None, object, [3, {}], Undefined, "a wrong text")[
            kind
        ]

    def _list(self, inner: str, ident: str, called: bool, dice: Random) -> Any:
        # Only a first-hand value can be consumed once; what is read again must be made again.
        items = [lambda i=i: self._made(inner, f"{ident}/{i}", called) for i in range(dice.randrange(4))]
        form = (
            "list"
            if self.shape.calm
            else dice.choice(["list"] * 6 + ["tuple", "generator", "later", "async"])
        )
        if form == "generator":
            return (make() for make in items)
        made: list[Any] = []
        try:
            made.extend(make() for make in items)
        except ValueError:
            _close(made)
            raise
        if form == "tuple":
            return tuple(made)
        # Awaitables deeper in a value are beyond anybody's reach once what is beside them has failed.
        is_inner = inner.startswith("[") or "/" in ident.rpartition(".")[2]
        if self.is_sync or not called or is_inner or form not in ("later", "async"):
            return made
        return [_slowly(item) for item in made] if form == "later" else _one_by_one(made)

    def _named(self, name: str, ident: str, dice: Random) -> Any:
        if name in ABSTRACT:
            name = dice.choice(ABSTRACT[name])
        if name in CLASSES:
            return self._thing(name, ident, dice)
        if name == "Odd" and not self.shape.calm and dice.random() < 0.1:
            return -1
        return "own" if self.shape.calm and name == "Odd" else _leaf(name, dice)

    def _thing(self, name: str, ident: str, dice: Random) -> Any:
        thing = CLASSES[name](self, ident)
        if self.shape.calm or dice.random() < 0.8:
            return thing
        return Folder(thing) if dice.random() < 0.7 else Stranger(self, ident)

    # Schema

    def _schema(self) -> GraphQLSchema:
        colour = GraphQLEnumType("Colour", {one.name: one for one in Colour})
        odd = GraphQLScalarType("Odd", coerce_output_value=_odd)
        own = GraphQLScalarType("Own", extensions={"as_is": str} if self.is_marked else {})
        builtins = (GraphQLString, GraphQLInt, GraphQLFloat, GraphQLBoolean, GraphQLID)
        self.types = {kind.name: kind for kind in (*builtins, colour, odd, own)}
        self.given = GraphQLInputObjectType(
            "Given",
            {
                "n": GraphQLInputField(GraphQLInt, default_value=4),
                "c": GraphQLInputField(GraphQLList(colour)),
            },
        )
        self._interface()
        for name in OBJECTS:
            self.types[name] = self._object(name)
        self.types["U"] = GraphQLUnionType(
            "U",
            [self.types[name] for name in ABSTRACT["U"]],
            resolve_type=self._resolve_type("U"),
            extensions=self._typenames("U"),
        )
        root = GraphQLObjectType("Query", lambda: self._fields("Query", NAMES))
        return GraphQLSchema(root, types=[*(self.types[name] for name in (*OBJECTS, "U")), self.given])

    def _interface(self) -> None:
        shared = [name for name in NAMES if all(name in self.shape.has[one] for one in ABSTRACT["I"])]
        self.types["I"] = GraphQLInterfaceType(
            "I",
            lambda: {name: GraphQLField(self._type(name), self._arguments(name)) for name in shared},
            resolve_type=self._resolve_type("I"),
            extensions=self._typenames("I"),
        )

    def _object(self, name: str) -> GraphQLObjectType:
        asked = any(how.startswith("asked") for how in self.shape.abstract.values())
        # A mark says that there is no question; one that fails would make it a lie.
        fails = 0 if "marks" in self.shape.abstract.values() else self.shape.faults
        later = "asked later" in self.shape.abstract.values() and not self.is_sync

        def is_type_of(value: Any, info: Any) -> Any:
            if self._dice(getattr(value, "ident", ""), "asked").random() * 300 < fails:
                raise ValueError(f"cannot say whether it is {name}")
            return _slowly(type_name(value) == name) if later else type_name(value) == name

        return GraphQLObjectType(
            name,
            lambda: self._fields(name, self.shape.has[name]),
            interfaces=[self.types["I"]] if name in ABSTRACT["I"] else [],
            is_type_of=is_type_of if asked else None,
        )

    def _typenames(self, abstract: str) -> dict[str, Any]:
        if not self.is_marked or self.shape.abstract[abstract] != "marks":
            return {}
        return {"typenames": {CLASSES[name]: name for name in ABSTRACT[abstract]}}

    def _resolve_type(self, abstract: str) -> Callable[..., Any] | None:
        how = self.shape.abstract[abstract]
        if how.startswith("asked"):
            return None

        def resolve_type(value: Any, info: Any, kind: Any) -> Any:
            dice = self._dice(getattr(value, "ident", ""), "told")
            name = (
                "Nobody" if how != "marks" and dice.random() * 300 < self.shape.faults else type_name(value)
            )
            return _slowly(name) if how == "later" and not self.is_sync else name

        return resolve_type

    def _type(self, name: str) -> Any:
        return self._parsed(self.shape.fields[name][0])

    def _parsed(self, text: str) -> Any:
        if text.endswith("!"):
            return GraphQLNonNull(self._parsed(text[:-1]))
        return GraphQLList(self._parsed(text[1:-1])) if text.startswith("[") else self.types[text]

    def _arguments(self, name: str) -> dict[str, GraphQLArgument]:
        if not self.shape.fields[name][1]:
            return {}
        return {
            "n": GraphQLArgument(GraphQLInt, default_value=3),
            "given": GraphQLArgument(self.given),
            "must": GraphQLArgument(GraphQLNonNull(GraphQLInt), default_value=1),
        }

    def _fields(self, owner: str, names: tuple[str, ...]) -> dict[str, GraphQLField]:
        return {name: self._field(owner, name) for name in names}

    def _field(self, owner: str, name: str) -> GraphQLField:
        way = self.shape.ways[owner, name]
        if owner == "Query" and way in ("attribute", "read", "default"):
            way = "sync"
        made = GraphQLField(self._type(name), self._arguments(name))
        if way == "attribute":
            made.resolve = lambda source, info, **arguments: getattr(source, name)
        elif way == "read":
            made.resolve = lambda source, info, **arguments: self._read(source, name)
        elif way != "default":
            made.resolve = self._resolver(name, way)
        if self.is_marked:
            made.extensions = self._marks(name, way)
        return made

    def _marks(self, name: str, way: str) -> dict[str, Any]:
        if way == "attribute":
            return {"attribute": name}
        if way == "read":
            return {"read": lambda source: self._read(source, name)}
        return {"batch": self._batch(name)} if way == "batch" else {}

    def _read(self, source: Any, name: str) -> Any:
        return self.value(source.ident, name, {}, called=False)

    def _resolver(self, name: str, way: str) -> Callable[..., Any]:
        def now(source: Any, info: Any, **arguments: Any) -> Any:
            ident = getattr(source, "ident", "")
            self.calls.append(
                (tuple(info.path.as_list()), ident, info.parent_type.name, info.field_name, str(arguments))
            )
            return self.value(ident, name, arguments, called=True)

        async def later(source: Any, info: Any, **arguments: Any) -> Any:
            ident = getattr(source, "ident", "")
            for _ in range(self._dice(ident, name, "ticks").randrange(4)):
                await asyncio.sleep(0)
            return now(source, info, **arguments)

        return now if way == "sync" or self.is_sync else later

    def _batch(self, name: str) -> Callable[..., Any]:
        async def batch(sources: Any, context: Any, arguments: dict[str, Any]) -> list[Any]:
            await asyncio.sleep(0)
            return [self._or_error(getattr(source, "ident", ""), name, arguments) for source in sources]

        return batch

    def _or_error(self, ident: str, name: str, arguments: Mapping[str, Any]) -> Any:
        try:
            return self.value(ident, name, arguments, called=True)
        except ValueError as error:
            return error


def _leaf(name: str, dice: Random) -> Any:
    return {
        "String": dice.choice(["", "text", 3, True, 1.5]),
        "Int": dice.choice([0, -7, 2**31 - 1, True, "12", 3.0]),
        "Float": dice.choice([0.5, 1, -2.25, "1.5"]),
        "Boolean": dice.choice([True, False, 1, 0.0]),
        "ID": dice.choice(["id", 7]),
        "Colour": dice.choice(list(Colour)),
        "Odd": dice.choice([1, 2]),
        "Own": dice.choice(["own", "form"]),
    }[name]


def _odd(value: Any) -> Any:
    if value == -1:
        raise ValueError("serialize refuses")
    return None if value == 2 else f"odd {value}"


def _close(values: list[Any]) -> None:
    """Coroutines that nobody will hear of."""
    for value in values:
        if isinstance(value, list):
            _close(value)
        elif isinstance(value, CoroutineType):
            value.close()


async def _slowly(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def _one_by_one(items: list[Any]) -> Any:
    for item in items:
        await asyncio.sleep(0)
        yield item
