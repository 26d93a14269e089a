"""Evaluate the comprehensions of a setup script."""

# ruff: noqa: D102, N802 (methods with the names of `ast.NodeVisitor`)

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from curate.builders.requirements.setup_script.expressions import ExpressionEvaluator
from curate.builders.requirements.setup_script.values import (
    OrderedSet,
    Scope,
    Unknown,
    merge_unknown,
)


class ComprehensionEvaluator(ExpressionEvaluator):
    """Evaluates comprehensions; one is unknown if its items or a condition on them are."""

    def visit_ListComp(self, node: ast.ListComp) -> Any:
        return self._comprehend(node.generators, lambda: self.evaluate(node.elt), list)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        return self._comprehend(node.generators, lambda: self.evaluate(node.elt), list)

    def visit_SetComp(self, node: ast.SetComp) -> Any:
        return self._comprehend(node.generators, lambda: self.evaluate(node.elt), OrderedSet)

    def visit_DictComp(self, node: ast.DictComp) -> Any:
        return self._comprehend(
            node.generators, lambda: (self.evaluate(node.key), self.evaluate(node.value)), dict
        )

    def _comprehend(
        self,
        generators: Sequence[ast.comprehension],
        evaluate_item: Callable[[], Any],
        make: Callable[[Iterable[Any]], Any],
    ) -> Any:
        outer, self.scope = self.scope, Scope(parent=self.scope)
        try:
            return make(self._iterate(list(generators), evaluate_item))
        except _UnknownIterationError as error:
            return error.value
        finally:
            self.scope = outer

    def _iterate(
        self, generators: list[ast.comprehension], evaluate_item: Callable[[], Any]
    ) -> Iterator[Any]:
        if not generators:
            yield evaluate_item()
            return
        generator, *inner = generators
        source = self.evaluate(generator.iter)
        if isinstance(source, Unknown):
            raise _UnknownIterationError(source)
        for item in list(source):
            self.assign(generator.target, item)
            answers = [self.evaluate(condition) for condition in generator.ifs]
            unknown = [each for each in answers if isinstance(each, Unknown)]
            if unknown:
                raise _UnknownIterationError(merge_unknown(unknown, generator.iter))
            if all(answers):
                yield from self._iterate(inner, evaluate_item)


class _UnknownIterationError(Exception):
    """An iteration whose items, or a condition on them, are unknown."""

    def __init__(self, value: Unknown) -> None:
        super().__init__()
        self.value = value
