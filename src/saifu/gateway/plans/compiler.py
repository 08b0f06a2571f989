"""A plan made into Python: one function for each object, which writes its answer as one dict display.

Nothing of a document gets into the source but its names and keys, quoted by `repr`; all else is bound in the namespace.
A function takes the value, then what is needed below it: `calls`, where the objects in which something is called are
gathered by number, and `path`, where somebody asks for it.
"""

from keyword import iskeyword
from typing import Any

from graphql import (
    GraphQLEnumType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import Path

from .marks import Classes, Way
from .plan import FieldPlan, ObjectPlan, Plan
from .values import MAPPINGS, PLAIN, Surprise, leaf, member, own_form, vet


def compile_plan(plan: Plan, classes: Classes) -> None:
    """Give every called field of a plan the function that completes its values."""
    source = _Source(classes)
    called: dict[str, FieldPlan] = {}
    for one in plan.objects.values():
        if one is not plan.root:
            source.object(one)
        called |= {source.completion(field): field for field in one.calls if not field.foreign}
    functions = source.run()
    for name, field in called.items():
        field.complete = functions[name]


class _Source:
    """The lines of the module, and the objects they name."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self._last = 0
        self._lines: list[str] = []
        self._tables: list[str] = []
        self._names: dict[str, Any] = {
            "PLAIN": PLAIN,
            "MAPPINGS": MAPPINGS,
            "vet": vet,
            "Surprise": Surprise,
            "Path": Path,
        }

    def run(self) -> dict[str, Any]:
        code = compile("\n".join(self._lines + self._tables), "<plan>", "exec")
        exec(code, self._names)  # noqa: S102  # names and keys in it are quoted; see above
        return self._names

    def object(self, plan: ObjectPlan) -> None:
        """Emit the function of an object."""
        lines = self._checks(plan)
        if any(field.way is Way.DEFAULT for field in plan.fields):
            lines.append("m = type(s) in MAPPINGS")
        pairs = (f"{field.key!r}: {self._entry(field, i)}" for i, field in enumerate(plan.fields))
        answer = f"{{{', '.join(pairs)}}}"
        if plan.noted:
            place = "; n[2].append(path)" if plan.tracks else ""
            note = f"n = calls[{plan.number}]; n[0].append(s); n[1].append(d){place}"
            lines += [f"d = {answer}", note, "return d"]
        else:
            lines.append(f"return {answer}")
        self._function(f"o{plan.number}(s{_needs(plan)})", *lines)

    def completion(self, field: FieldPlan) -> str:
        """Emit the function that completes a value of a called field; answers with its name."""
        name = f"c{self._serial()}"
        value = self._value(field, field.type, "v", "v", "path")
        self._function(f"{name}(v, calls, path)", f"return {value}")
        return name

    def _checks(self, plan: ObjectPlan) -> list[str]:
        """What makes sure of an object: its class says all that `is_type_of` would."""
        lines = ["if type(s) not in PLAIN: vet(s)"]
        if plan.type.is_type_of is not None:
            known = self._bind("K", self._classes[plan.type.name])
            lines.append(f"if type(s) not in {known}: raise Surprise")
        return lines

    def _entry(self, field: FieldPlan, index: int) -> str:
        if field.way is Way.TYPENAME:
            return repr(field.parent.name)
        if field.called:
            return "None"  # takes the place of what is called later
        path = f"Path(path, {field.key!r}, {field.parent.name!r})"
        return self._value(field, field.type, self._read(field), f"v{index}", path)

    def _read(self, field: FieldPlan) -> str:
        marks = field.definition.extensions
        if field.way is Way.READ:
            return f"{self._bind('R', marks['read'])}(s)"
        if field.way is Way.ATTRIBUTE:
            return self._attribute(marks["attribute"])
        name = field.nodes[0].name.value
        return f"(s.get({name!r}) if m else getattr(s, {name!r}, None))"

    def _attribute(self, name: str) -> str:
        plain = name.isidentifier() and not iskeyword(name)
        return f"s.{name}" if plain else f"getattr(s, {self._bind('N', name)})"

    def _value(self, field: FieldPlan, kind: Any, given: str, var: str, path: str) -> str:
        """The expression that completes a value.

        Args:
            given: the expression that gets it.
            var: the variable that keeps it, where it is looked at more than once.
            path: the expression of its path.
        """
        nullable = not is_non_null_type(kind)
        inner = kind if nullable else kind.of_type
        first = given if given == var else f"({var} := {given})"
        if is_leaf_type(inner):
            return self._leaf(inner, nullable, first, var)
        function = self._list(field, inner) if is_list_type(inner) else self._composite(field)
        more = _needs(field, path)
        if nullable:
            return f"None if {first} is None else {function}({var}{more})"
        return f"{function}({given}{more})"

    def _leaf(self, kind: Any, nullable: bool, first: str, var: str) -> str:
        test = own_form(kind, self._bind)
        if test is not None:
            other = self._bind("L", leaf(kind))
            if nullable:
                null_or = f"{first} is None or {test.format(first=var, again=var)}"
                return f"{var} if {null_or} else {other}({var})"
            return f"{var} if {test.format(first=first, again=var)} else {other}({var})"
        got = var if nullable else first
        if isinstance(kind, GraphQLEnumType):
            names: dict[int, str] = {}
            known, other = self._bind("E", names), self._bind("L", member(kind, names))
            written = f"{known}.get(id({got})) or {other}({var})"
        else:
            written = f"{self._bind('L', leaf(kind))}({got})"
        return f"None if {first} is None else ({written})" if nullable else f"({written})"

    def _list(self, field: FieldPlan, kind: Any) -> str:
        name = f"l{self._serial()}"
        item = self._value(field, kind.of_type, "x", "x", "Path(path, i, None)")
        each = "i, x in enumerate(v)" if field.tracks else "x in v"
        # Anything else may be gone once it has been looked at, and is left to graphql-core untouched.
        only = "if type(v) is not list and type(v) is not tuple: raise Surprise"
        self._function(f"{name}(v{_needs(field)})", only, f"return [{item} for {each}]")
        return name

    def _composite(self, field: FieldPlan) -> str:
        named = get_named_type(field.type)
        if not is_abstract_type(named):
            return f"o{field.objects[named.name].number}"
        name, serial = f"a{self._serial()}", self._serial()
        self._function(
            f"{name}(s{_needs(field)})",
            f"f = T{serial}.get(type(s))",
            "if f is None: raise Surprise",
            f"return f(s{_needs(field)})",
        )
        table = named.extensions["typenames"].items()
        rows = (f"{self._bind('K', found)}: {self._chosen(field, kind)}" for found, kind in table)
        self._tables.append(f"T{serial} = {{{', '.join(rows)}}}")
        return name

    def _chosen(self, field: FieldPlan, kind: str) -> str:
        plan = field.objects.get(kind)
        if plan is None:
            return "None"
        function, wanted, given = f"o{plan.number}", _needs(plan), _needs(field)
        return function if wanted == given else f"lambda s{given}: {function}(s{wanted})"

    def _function(self, signature: str, *lines: str) -> None:
        self._lines.append(f"def {signature}:")
        self._lines.extend(f"    {line}" for line in lines)

    def _bind(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{self._serial()}"
        self._names[name] = value
        return name

    def _serial(self) -> int:
        self._last += 1
        return self._last


def _needs(plan: ObjectPlan | FieldPlan, path: str = "path") -> str:
    return f"{', calls' if plan.reach else ''}{f', {path}' if plan.tracks else ''}"
