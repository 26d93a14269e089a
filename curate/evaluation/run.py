"""Evaluation of predictions: what is known is read, the rest is graded in parallel and stored."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from curate.builders.backends.protocol import Backend
from curate.builders.errors import BuilderError, DiskFullError, EngineUnavailableError
from curate.builders.process.digest import content_hash
from curate.core.errors import describe_error, report_bug
from curate.core.settings import Settings
from curate.core.task import Task
from curate.environments.context import open_backend
from curate.environments.observer import BatchObserver
from curate.environments.task_instance import prepare_instance
from curate.environments.tasks import InvalidTask, TaskSource
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
    grade_patch,
    hash_patch,
    make_grade_without_run,
)
from curate.store import GradeKey, Store
from curate.store.process_lock import EVALUATION, process_lock

log = logging.getLogger(__name__)

PURPOSE = "grading"


class EvaluationCancelledError(Exception):
    """The user asked to stop."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How predictions are graded."""

    sandbox: str = "docker"
    jobs: int = 1
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
    stop_event: threading.Event = field(default_factory=threading.Event)
    backend: Backend | None = None

    def open(self) -> Backend:
        """Open the sandbox at the first patch that needs one, and remove what was left there."""
        if self.backend is None:
            name = self.options.sandbox
            self.backend = open_backend(name, self.settings, self.store, PURPOSE)
            self.backend.cleanup()
        return self.backend

    def check_cancelled(self) -> None:
        if self.stop_event.is_set():
            raise EvaluationCancelledError


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
    DiskFullError.
    """
    run = _Run(store=store, settings=settings, options=options)
    reports = []
    with process_lock(settings.data_dir, EVALUATION):
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
    running: dict[Future[Grade], _Item] = {}
    with ThreadPoolExecutor(run.options.jobs) as pool:
        try:
            while True:
                while len(running) < run.options.jobs and (item := next(items, None)):
                    if reason := find_unusable(item.patch):
                        grade = make_grade_without_run(item.task, item.patch, reason)
                        _save_grade(run, item, grade)
                        continue
                    run.options.observer.on_step(item.task.instance_id, "running tests")
                    running[pool.submit(_grade_item, run, run.open(), item)] = item
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    _collect(run, running.pop(future), future)
        except BaseException:
            run.stop_event.set()
            while wait(running, timeout=0.5).not_done:  # one may have been about to begin
                with suppress(BuilderError):
                    run.open().abort_all()
            raise


def _grade_item(run: _Run, backend: Backend, item: _Item) -> Grade:
    run.check_cancelled()
    built = prepare_instance(item.task, backend)
    return grade_patch(item.task, built, item.patch, backend, run.check_cancelled)


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
