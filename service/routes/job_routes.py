"""Long jobs on an index, each in a process of its own: build, sync, rebuild, check. Only with `--write`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response

from indexer.jobs.request import WITH_PICTURES, JobRequest
from indexer.pipeline.library import known_roots
from search.errors import TwinlensError
from service.answering import Chosen, Service, as_response, may_write, service_of
from service.bodies import receive
from service.models import JobIn
from service.problems import ProblemError
from service.schema import answering, described

if TYPE_CHECKING:
    from indexer.jobs.view import JobView
    from service.opened import OpenIndex

router = APIRouter(tags=["jobs"], dependencies=[Depends(may_write)])


@router.post("/v1/jobs", **described(JobIn, "JobOut", status=202))
async def start(request: Request, index: Chosen) -> Response:
    """Start a job. The index answers as before until it ends."""
    body, service = await receive(request), service_of(request)

    def run() -> Response:
        asked = body.read(JobIn)
        pictures = _pictures(index) if asked.verb in WITH_PICTURES else ""
        options = asked.model_dump(exclude={"verb"})
        job = service.jobs.start(JobRequest(asked.verb, str(index.served.folder), pictures, **options))
        response = as_response(_plain(service, job.view))
        response.status_code = 202
        return response

    return await service.writes.run(run)


@router.get("/v1/jobs", **answering("JobsOut"))
async def listed(request: Request) -> Response:
    """The running or last job of each index, the newest first."""
    service = service_of(request)
    return as_response({"jobs": [_plain(service, view) for view in service.jobs.views()]})


@router.get("/v1/jobs/{number}", **answering("JobOut"))
async def one(request: Request, number: int) -> Response:
    """How far a job is, or how it ended."""
    service = service_of(request)
    return as_response(_plain(service, _view(service, number)))


@router.delete("/v1/jobs/{number}", **answering("JobOut"))
async def stop(request: Request, number: int) -> Response:
    """Stop a job, which leaves the index as it was; a build that is started again continues."""
    service = service_of(request)
    view = _view(service, number)
    job = service.jobs.last(view.request.index)
    if job is not None and job.view.number == number:
        job.stop()
    return as_response(_plain(service, _view(service, number)))


def _pictures(index: OpenIndex) -> str:
    """The folder that a job reads.

    Raises:
        ProblemError: the operator named none, and the index does not follow exactly one.
    """
    if index.served.pictures is not None:
        return str(index.served.pictures)
    try:
        with index.lease() as engine:
            roots = known_roots(engine.catalog)
    except TwinlensError:
        roots = []
    if len(roots) != 1:
        raise ProblemError(
            "no-folder",
            f"this job reads a folder of pictures: start the service with --pictures {index.served.name}=DIR",
        )
    return str(roots[0])


def _view(service: Service, number: int) -> JobView:
    for view in service.jobs.views():
        if view.number == number:
            return view
    raise ProblemError("unknown-job", f"there is no job {number}: the last job of each index is kept")


def _plain(service: Service, view: JobView) -> dict[str, Any]:
    name = next((each.served.name for each in service.indexes if str(each.served.folder) == view.request.index), "")
    stage = view.stage
    return {
        "number": view.number,
        "index": name,
        "verb": view.request.verb,
        "status": view.status,
        "stage": None if stage is None else {"name": stage.name, "total": stage.total, "done": stage.done},
        "stages": list(view.stages),
        "seconds": view.seconds,
        "report": view.report,
        "error": view.error,
    }
