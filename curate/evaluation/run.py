"""Evaluation of predictions: what is known is read, the rest is graded in parallel and stored."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.builders.process.digest import content_hash
from curate.cluster.bounded import BoundedWork, IteratorSource, run_bounded
from curate.core.errors import describe_error, report_bug
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.observer import BatchObserver
from curate.environments.tasks import InvalidTask, TaskSource
from curate.evaluation.graders import (
    ClusterGraders,
    EvaluationCancelledError,
    Graders,
    ThreadGraders,
)
from curate.evaluation.predictions import PredictionFile, Predictions
from curate.evaluation.report import (
    ModelReport,
    instance_folder,
    model_folder,
    write_error,
    write_grade,
    write_model_report,
)
from curate.harness.grade import (
    GRADING_VERSION,
    Grade,
    find_unusable,
    hash_patch,
    make_grade_without_run,
)
from curate.store import GradeKey, Store
from curate.store.process_lock import EVALUATION, process_lock

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How predictions are graded."""

    sandbox: str = "docker"
    jobs: int = 1  # on each worker of a cluster; 0 = as many as it advertises
    cluster: str = ""  # "dask://HOST:PORT", "ray://HOST:PORT", "local"; "" = this process
    folder: Path  # of the reports
    observer: BatchObserver
    rerun: bool = False  # grade again what is known


@dataclass(frozen=True, kw_only=True)
class _Item:
    """One prediction and its task."""

    report: ModelReport
    task: Task
    patch: bytes
    key: GradeKey
    folder: Path


@dataclass(kw_only=True)
class _Run:
    """What the grading of a call shares."""

    store: Store
    settings: Settings
    options: EvaluationOptions
    graders: Graders | None = None

    def open_graders(self) -> Graders:
        """Open the sandbox, or the cluster, at the first patch that needs one."""
        if self.graders is None:
            jobs, sandbox = self.options.jobs, self.options.sandbox
            if self.options.cluster:
                self.graders = ClusterGraders(self.settings, sandbox, self.options.cluster, jobs)
            else:
                self.graders = ThreadGraders(self.settings, self.store, sandbox, jobs)
        return self.graders

    def close(self) -> None:
        if self.graders:
            self.graders.executor.shutdown()


def evaluate_predictions(
    predictions: PredictionFile,
    source: TaskSource,
    store: Store,
    settings: Settings,
    options: EvaluationOptions,
) -> Sequence[ModelReport]:
    """Grade *predictions*, write the reports into `options.folder`, and return them by model.

    A grade is stored as soon as it is known, and never computed again for the same inputs. What
    the machine fails to grade is an error of its instance; the next call tries it again. Raises
    LockedError if another process grades in the same data directory, EngineUnavailableError,
    DiskFullError, ClusterError.
    """
    run = _Run(store=store, settings=settings, options=options)
    reports = []
    with process_lock(settings.data_dir, EVALUATION), closing(run):
        for model in predictions.models:
            report = _make_report(model, source)
            folder = model_folder(options.folder, model.model)
            try:
                _grade_all(run, _iter_items(run, model, report, source, folder))
            finally:
                write_model_report(folder, report)
            reports.append(report)
    return reports


def hash_grading_inputs(task: Task, sandbox: str) -> str:
    """Return the hash of everything but the patch that decides a grade of *task*."""
    return content_hash(
        repr((GRADING_VERSION, sandbox, replace(task, problem_statement="", hints_text="")))
    )


def _make_report(model: Predictions, source: TaskSource) -> ModelReport:
    known = frozenset(source.ids)
    return ModelReport(
        model=model.model,
        total_ids=tuple(source.ids),
        submitted_ids=tuple(name for name in model.patches if name in known),
        unknown_ids=tuple(name for name in model.patches if name not in known),
    )


def _iter_items(
    run: _Run, model: Predictions, report: ModelReport, source: TaskSource, folder: Path
) -> Iterator[_Item]:
    """Yield what is to be graded; note what is known, and tasks that are none."""
    for task in source.iter_tasks(report.submitted_ids):
        target = instance_folder(folder, task.instance_id)
        if isinstance(task, InvalidTask):
            _note_error(run, report, task.instance_id, target, str(task.error))
            continue
        patch = model.get_patch(task)
        inputs = hash_grading_inputs(task, run.options.sandbox)
        key = (task.instance_id, hash_patch(patch), inputs)
        item = _Item(report=report, task=task, patch=patch, key=key, folder=target)
        known = None if run.options.rerun else run.store.grades.get(key)
        if known is None:
            yield item
            continue
        grade, log_key = known
        report.known += 1
        _note_grade(run, item, replace(grade, output=run.store.blobs.get(log_key)))


def _grade_all(run: _Run, items: Iterator[_Item]) -> None:
    """Grade *items*, at most `jobs` at once; Ctrl-C ends their runs."""
    todo = _grade_trivial(run, items)
    first = next(todo, None)
    if first is None:
        return
    graders = run.open_graders()

    def submit(worker: str, item: _Item) -> "Future[Grade]":
        run.options.observer.on_step(item.task.instance_id, "running tests")
        return graders.submit(worker, item.task, item.patch)

    work = BoundedWork(submit=submit, collect=partial(_collect, run), abort=graders.abort)
    run_bounded(graders.executor, IteratorSource(chain([first], todo)), work)


def _grade_trivial(run: _Run, items: Iterator[_Item]) -> Iterator[_Item]:
    """Grade what needs no run; yield the rest."""
    for item in items:
        if reason := find_unusable(item.patch):
            _save_grade(run, item, make_grade_without_run(item.task, item.patch, reason))
        else:
            yield item


def _collect(run: _Run, item: _Item, future: Future[Grade]) -> None:
    """Store and write the result of *item*; raise what concerns all items."""
    name = item.task.instance_id
    try:
        grade = future.result()
    except (EngineUnavailableError, DiskFullError, EvaluationCancelledError):
        raise
    except BuilderError as error:
        hint = f" {error.hint}" if error.hint else ""
        _note_error(run, item.report, name, item.folder, f"{error}.{hint}")
    except Exception as error:
        if describe_error(error) is not None:
            raise
        _note_error(run, item.report, name, item.folder, str(report_bug(error, name)))
    else:
        _save_grade(run, item, grade)


def _save_grade(run: _Run, item: _Item, grade: Grade) -> None:
    log_key = run.store.blobs.put(grade.output)
    run.store.grades.save(item.key, replace(grade, output=b""), log_key)
    _note_grade(run, item, grade)


def _note_grade(run: _Run, item: _Item, grade: Grade) -> None:
    item.report.reasons[item.task.instance_id] = grade.reason
    write_grade(item.folder, item.task, item.patch, grade)
    detail = f": {grade.detail}" if grade.detail else ""
    log.info("%s %s%s", grade.reason.upper(), item.task.instance_id, detail)
    run.options.observer.on_done(item.task.instance_id, str(grade.reason))


def _note_error(run: _Run, report: ModelReport, instance_id: str, folder: Path, error: str) -> None:
    report.errors[instance_id] = error
    write_error(folder, error)
    log.error("ERROR %s: %s", instance_id, error)
    run.options.observer.on_done(instance_id, "error")


def count_results(reports: Sequence[ModelReport]) -> Mapping[str, int]:
    """Return totals over all models: graded, resolved, errors, known."""
    return {
        "predictions": sum(len(it.submitted_ids) for it in reports),
        "resolved": sum(len(it.resolved_ids) for it in reports),
        "empty": sum(len(it.empty_ids) for it in reports),
        "errors": sum(len(it.errors) for it in reports),
        "known": sum(it.known for it in reports),
        "unknown_ids": sum(len(it.unknown_ids) for it in reports),
    }
