"""Whatever the schema, the document and the failures: the answer is the one that graphql-core gives."""

import asyncio
import gc
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from graphql import ExecutionResult, execute, parse, validate
from graphql.pyutils import is_awaitable
from graphql.validation import specified_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from saifu.gateway.documents import Operation
from saifu.gateway.execution import Executor

from .differences import equivalent, same
from .documents_for import Writer, variables
from .operations import operation
from .worlds import ABSTRACT, LEAVES, NAMES, OBJECTS, WAYS, Shape, World

# A method of a source is a surprise, and what surprises is completed by graphql-core, in its order.
CALM_WAYS = tuple(one for one in WAYS if one != "default")

# graphql-core forgets coroutines, which the tests of all else here must not pay for.
forgetful = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _forgotten_at_once() -> Iterator[None]:
    yield
    gc.collect()


_WRAPPINGS = ("{}", "{}!", "[{}]", "[{}!]", "[{}]!", "[{}!]!", "[[{}]!]", "[[{}!]]!")


@st.composite
def shapes(draw: st.DrawFn, *, ways: tuple[str, ...] = WAYS, calm: bool = False) -> Shape:
    dice = Random(draw(st.integers(0, 10**9)))
    composite = (*OBJECTS, *ABSTRACT)
    fields = {}
    for index, name in enumerate(NAMES):
        named = dice.choice(composite if index % 2 else LEAVES)
        fields[name] = (dice.choice(_WRAPPINGS).format(named), dice.random() < 0.3)
    has = {name: tuple(one for one in NAMES if dice.random() < 0.8) or NAMES[:1] for name in OBJECTS}
    has["B"] = tuple(dict.fromkeys((*has["B"], *has["A"][:2])))
    how = ("marks",) if calm else ("marks", "marks", "resolve", "later", "asked", "asked later")
    return Shape(
        seed=dice.randrange(10**9),
        fields=fields,
        has=has,
        ways={(owner, name): dice.choice(ways) for owner in ("Query", *OBJECTS) for name in NAMES},
        abstract={name: dice.choice(how) for name in ABSTRACT},
        faults=draw(st.sampled_from([0, 3, 15])),
        calm=calm,
    )


async def theirs(world: World, text: str, given_: dict[str, Any]) -> ExecutionResult:
    """By graphql-core itself, which leaves tasks behind where an error makes them useless."""
    result = execute(world.schema, parse(text), variable_values=given_)
    answer = await result if is_awaitable(result) else result
    assert isinstance(answer, ExecutionResult)
    while left := _others():
        await asyncio.wait(left)
    return answer


def _others() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def ours(world: World, wanted: Operation, given_: dict[str, Any]) -> ExecutionResult:
    answer = await Executor(world.schema).execute(wanted, given_, None)
    paths = [call[0] for call in world.calls]
    assert len(paths) == len(set(paths)), "a resolver was called twice for one place"
    assert not _others(), f"still running: {_others()}"
    return answer


def written(shape: Shape, seed: int) -> str:
    text = Writer(shape, seed).document()
    errors = validate(World(shape, is_marked=False).schema, parse(text), specified_rules)
    assert not [one for one in errors if "is never used" not in one.message], (text, errors)
    return text


async def compared(shape: Shape, seed: int, *, is_sync: bool) -> tuple[ExecutionResult, ExecutionResult]:
    text = written(shape, seed)
    world = World(shape, is_marked=True, is_sync=is_sync)
    wanted = operation(world.schema, text)
    dice = Random(seed)
    answers = []
    for _ in range(2):  # once with a new plan, once with other switches or the same plan again
        world.calls.clear()
        given_ = variables(dice)
        mine = await ours(world, wanted, given_)
        other = await theirs(World(shape, is_marked=False, is_sync=is_sync), text, given_)
        answers.append((mine, other))
    return answers[0] if answers[0][0].errors else answers[1]


@forgetful
@settings(max_examples=150, deadline=None)
@given(shapes(ways=("attribute", "read", "default", "sync")), st.integers(0, 10**9))
async def test_an_operation_that_never_waits_has_the_same_data_and_the_same_errors_in_the_same_order(
    shape: Shape, seed: int
) -> None:
    mine, other = await compared(shape, seed, is_sync=True)
    same(mine, other)


@forgetful
@settings(max_examples=150, deadline=None)
@given(shapes(), st.integers(0, 10**9))
async def test_an_operation_that_waits_has_the_same_data_and_the_same_errors(shape: Shape, seed: int) -> None:
    mine, other = await compared(shape, seed, is_sync=False)
    equivalent(mine, other)


@forgetful
@settings(max_examples=150, deadline=None)
@given(shapes(ways=CALM_WAYS, calm=True), st.integers(0, 10**9))
async def test_errors_stand_in_the_order_of_their_fields_however_long_these_took(
    shape: Shape, seed: int
) -> None:
    """As graphql-core tells them when nothing waits."""
    text = written(shape, seed)
    given_ = variables(Random(seed)) | {"b": seed % 2 == 0, "c": seed % 3 == 0}
    world = World(shape, is_marked=True)
    mine = await ours(world, operation(world.schema, text), given_)
    same(mine, await theirs(World(shape, is_marked=False, is_sync=True), text, given_))


@settings(max_examples=150, deadline=None)
@given(shapes(), st.integers(0, 10**9))
async def test_no_coroutine_is_forgotten_whatever_fails(shape: Shape, seed: int) -> None:
    """A coroutine that was never begun is a warning, and a warning is an error here."""
    world = World(shape, is_marked=True)
    answer = await ours(world, operation(world.schema, written(shape, seed)), variables(Random(seed)))
    assert answer.data is not None or answer.errors
