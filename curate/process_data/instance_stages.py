"""The stages of one instance, as far as they can be made and fit into the budget."""

from collections.abc import Sequence
from dataclasses import asdict

from curate.core.tokens import CountTokens
from curate.process_data.edits import GoldEdits
from curate.process_data.gold_files import ChangedFile
from curate.process_data.located_file import LocatedFile
from curate.process_data.model import Json
from curate.process_data.stage_code import list_steps, show_code
from curate.process_data.stages import (
    FileLocations,
    Stage,
    list_places,
    make_files_stage,
    make_locations_stage,
    make_patch_stage,
    make_plan_stage,
    make_search_stage,
)
from curate.process_data.understanding import Understanding


class StageMaker:
    """Makes the stages of one instance; those that its budget is too small for have a reason."""

    def __init__(self, issue: str, budget: int, count_tokens: CountTokens) -> None:
        self._issue, self._budget, self._count = issue, budget, count_tokens

    def make_stages(
        self,
        understanding: Understanding,
        known: Sequence[LocatedFile],
        changes: Sequence[ChangedFile],
        edits: GoldEdits,
    ) -> list[Json]:
        """Return all five stages, in order, with their numbers of tokens."""
        files = [
            FileLocations(path=it.file.source or it.file.path, old=it.old, locations=it.locations)
            for it in known
            if it.old is not None
        ]
        code = show_code(changes, edits.blocks, {it.file.path: it.locations for it in known})
        stages = [
            *self._make_reading_stages(understanding, files),
            self._make_plan(code, known),
            self._make_patch(code, edits),
        ]
        return [self._describe(it) for it in stages]

    def _make_reading_stages(
        self, understanding: Understanding, files: Sequence[FileLocations]
    ) -> list[Stage]:
        names = ("files", "locations", "search")
        if not files:
            return [Stage(stage=name, reason="no-python-file-changed") for name in names]
        places = list_places(files)
        tree, skeletons = understanding.tree, understanding.skeletons
        made = [Stage(stage=name, reason="over-token-budget") for name in names]
        if tree is not None:
            made[0] = make_files_stage(self._issue, tree.text, [it.path for it in files])
        if not places:
            made[1:] = [Stage(stage=name, reason="no-location") for name in names[1:]]
            return made
        if skeletons is not None:
            made[1] = make_locations_stage(self._issue, skeletons.text, places)
        made[2] = make_search_stage(self._issue, places)
        return made

    def _make_plan(self, code: str, known: Sequence[LocatedFile]) -> Stage:
        steps = [step for it in known for step in list_steps(it.file, it.locations)]
        if not steps:
            return Stage(stage="plan", reason="no-location")
        if self._count(code) > self._budget:
            return Stage(stage="plan", reason="over-token-budget")
        return make_plan_stage(self._issue, code, steps)

    def _make_patch(self, code: str, edits: GoldEdits) -> Stage:
        if edits.recreates != "blocks" or not edits.modifications:
            return Stage(stage="patch", reason="not-expressible")
        if max(self._count(code), self._count(edits.modifications)) > self._budget:
            return Stage(stage="patch", reason="over-token-budget")
        return make_patch_stage(self._issue, code, edits.modifications)

    def _describe(self, stage: Stage) -> Json:
        tokens = {
            "prompt_tokens": self._count(stage.prompt),
            "answer_tokens": self._count(stage.answer),
        }
        return {**asdict(stage), **tokens}
