"""One way to read, lock and change the rows of any of the simulator's tables."""

from typing import Any, Generic, TypeVar

from sqlalchemy import bindparam, update
from sqlmodel import SQLModel, col, select

from saifu.fields import storable
from saifu.store import Tx

M = TypeVar("M", bound=SQLModel)


class Shelf(Generic[M]):
    """The rows of one table.

    Args:
        key: the column that names a row.
        changing: the columns that `save` may write; it writes all of them, what stays the same too.
    """

    def __init__(self, model: type[M], key: str, *changing: str) -> None:
        table = model.__table__  # type: ignore[attr-defined]
        self._model, self._key, self._changing = model, key, changing
        column = getattr(model, key)
        self._get = select(model).where(col(column) == bindparam("key"))
        self._locked = self._get.with_for_update()
        self._save = (
            update(model)
            .where(col(column) == bindparam("key"))
            .values({name: bindparam(f"to_{name}", type_=table.columns[name].type) for name in changing})
        )

    def get(self, tx: Tx, key: str) -> M | None:
        return tx.first(self._get, key=key) if storable(key) else None

    def locked(self, tx: Tx, key: str) -> M | None:
        """The row, locked until the commit, if there is one."""
        return tx.first(self._locked, key=key) if storable(key) else None

    def save(self, tx: Tx, row: M, **changes: Any) -> M:
        """Change a row that the caller has locked; answers it as it is then."""
        assert changes.keys() <= set(self._changing), changes.keys()
        values = row.__dict__ | changes
        tx.run(self._save, key=values[self._key], **{f"to_{name}": values[name] for name in self._changing})
        columns = self._model.__table__.columns  # type: ignore[attr-defined]
        return self._model(**{column.key: values[column.key] for column in columns})
