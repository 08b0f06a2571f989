"""Hooks for schemathesis: our scalars as anybody might send them, sense or none.

Its command line loads them through `SCHEMATHESIS_HOOKS`; importing this module is what registers them.
"""

import schemathesis
from hypothesis import strategies as st

from tests.clients.literals import literal

_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,45}", fullmatch=True)
_FLAT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=300),
)
_DEEP = st.recursive(
    _FLAT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=10,
)

for name in ("Currency", "Cursor", "Date", "DateTime", "JSON", "Metadata", "MinorUnits"):
    schemathesis.graphql.scalar(name, _DEEP.map(literal))
