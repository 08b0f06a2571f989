"""What becomes of an answer in which fields failed: the nulls that the specification asks for, and the errors.

It is walked once, at the end, in the order in which it is read. So errors come in that order whatever took how long;
and of several fields that make the same object null, the first that is read is told, as if nothing after it had been
looked at. What failed in nullable fields before it is told too.
"""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError, is_list_type, is_non_null_type, located_error
from graphql.pyutils import Path

from .plan import FieldPlan, ObjectPlan

LOST = object()
"""Stands for a null where none may be: the object or the list around it is null in its place."""


class Broken:
    """Stands in an answer for the value of a called field that did not go well.

    Attributes:
        value: what is left of it, as graphql-core completed it.
        errors: of fields below, in order; each with its path.
        error: what made it null.
    """

    __slots__ = ("error", "errors", "value")

    def __init__(
        self, value: Any = None, errors: Sequence[GraphQLError] = (), error: Exception | None = None
    ) -> None:
        self.value = value
        self.errors = errors
        self.error = error


class Answer:
    """The data of an answer as far as it has come, with what is needed to find one's way in it.

    Attributes:
        noted: gathered objects with their plans: in places where several types can be, they tell which it is.
    """

    def __init__(self, root: ObjectPlan, data: dict[str, Any]) -> None:
        self.root = root
        self.data = data
        self.errors: list[GraphQLError] = []
        self.noted: list[tuple[ObjectPlan, list[dict[str, Any]]]] = []
        self._kinds: dict[int, ObjectPlan] = {}

    def mend(self, fields: Sequence[FieldPlan]) -> bool:
        """Mend the values of these root fields; answers whether any data is left."""
        self._learn()
        return self._fields(self.root, fields, self.data, None)

    def paths(self) -> dict[int, Path | None]:
        """Where the objects of the answer stand, by their identity; only those above or around called fields."""
        self._learn()
        found: dict[int, Path | None] = {}
        self._find(self.root, self.data, None, found)
        return found

    def _learn(self) -> None:
        for plan, objects in self.noted:
            self._kinds.update((id(one), plan) for one in objects)

    def _plan_of(self, field: FieldPlan, value: Any) -> ObjectPlan | None:
        if type(value) is not dict:
            return None
        plan = self._kinds.get(id(value))
        if plan is None and len(field.objects) == 1:
            (plan,) = field.objects.values()
        return plan

    def _find(
        self, plan: ObjectPlan, value: dict[str, Any], path: Path | None, found: dict[int, Any]
    ) -> None:
        found[id(value)] = path
        for field in plan.deep:
            if field.objects:
                self._find_in(field, value.get(field.key), Path(path, field.key, plan.type.name), found)

    def _find_in(self, field: FieldPlan, value: Any, path: Path, found: dict[int, Any]) -> None:
        if type(value) is list:
            for index, item in enumerate(value):
                self._find_in(field, item, Path(path, index, None), found)
        elif plan := self._plan_of(field, value):
            self._find(plan, value, path, found)

    def _fields(
        self, plan: ObjectPlan, fields: Sequence[FieldPlan], value: dict[str, Any], path: Path | None
    ) -> bool:
        for field in fields:
            here = Path(path, field.key, plan.type.name)
            mended = self._value(field, field.type, value.get(field.key), here)
            if mended is LOST:
                return False
            value[field.key] = mended
        return True

    def _value(self, field: FieldPlan, kind: Any, value: Any, path: Path) -> Any:
        if is_non_null_type(kind):
            mended = self._value(field, kind.of_type, value, path)
            return LOST if mended is None else mended
        if type(value) is Broken:
            return self._told(field, value, path)
        if not field.objects or value is None:
            return value
        if is_list_type(kind):
            return self._list(field, kind.of_type, value, path)
        plan = self._plan_of(field, value)
        return value if plan is None or self._fields(plan, plan.deep, value, path) else None

    def _list(self, field: FieldPlan, kind: Any, items: list[Any], path: Path) -> list[Any] | None:
        for index, item in enumerate(items):
            mended = self._value(field, kind, item, Path(path, index, None))
            if mended is LOST:
                return None
            items[index] = mended
        return items

    def _told(self, field: FieldPlan, broken: Broken, path: Path) -> Any:
        self.errors.extend(broken.errors)
        if broken.error is None:
            return broken.value
        self.errors.append(located_error(broken.error, field.nodes, path.as_list()))
        return None
