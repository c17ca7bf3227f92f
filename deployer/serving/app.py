"""The pages as a WSGI application: who may ask, which page it is, and what is answered when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from board_runner.errors import DeployError, UsageError
from deployer.errors import MachineRefused, MissingArtifact
from deployer.project import Project
from deployer.reporting.figures.theme import Plot
from deployer.serving import differences, guard, listing, pages, running, trends
from deployer.serving.drawn import Drawn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEPT = 32
"""Pages of single runs, and trends, that are kept: a record never changes, and drawing one takes seconds."""

_NAV = {"Runs": "/", "Trends": "/trends", "Running now": "/running"}

_RULES = Map(
    [
        Rule("/", endpoint="runs"),
        Rule("/runs.json", endpoint="runs_json"),
        Rule("/runs/<run>.json", endpoint="run_json"),
        Rule("/runs/<run>", endpoint="run"),
        Rule("/trends", endpoint="trends"),
        Rule("/trends.json", endpoint="trends_json"),
        Rule("/diff", endpoint="diff"),
        Rule("/diff.json", endpoint="diff_json"),
        Rule("/running", endpoint="running"),
        Rule("/running.json", endpoint="running_json"),
        Rule("/running/part", endpoint="running_part"),
        Rule("/static/<name>", endpoint="static"),
    ]
)


class App:
    """Pages over one project. `names` are host names that this server is asked by, besides `localhost`."""

    def __init__(self, project: Project, *, names: Collection[str] = ()) -> None:
        self._project = project
        self._history = project.history()
        self._state_dir = project.deployment.state_dir
        self._names = names
        self._reports = Drawn[str](KEPT)
        self._plots = Drawn[list[Plot]](KEPT)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        response = self._answer(request)
        for name, value in guard.HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Content-Security-Policy", guard.POLICY)
        if response.status_code == 200:
            response.add_etag()
            response.make_conditional(request)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        as_json = request.path.endswith(".json")
        try:
            if not guard.is_trusted(request.headers.get("Host"), self._names):
                raise Forbidden("This server is not called so. Ask it by the address that it printed.")
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed(valid_methods=["GET", "HEAD"], description="Pages are only read.")
            endpoint, values = _RULES.bind_to_environ(request.environ).match()
            answer: Callable[..., Response] = getattr(self, f"_{endpoint}")
            return answer(request, **values)
        except HTTPException as e:
            said = "There is no such page." if isinstance(e, NotFound) else e.description or ""
            response = _error(e.code or 500, said, "", as_json=as_json)
            if isinstance(e, MethodNotAllowed):
                response.headers["Allow"] = "GET, HEAD"
            return response
        except DeployError as e:
            return _error(_status(e), str(e), e.hint, as_json=as_json)

    def _runs(self, request: Request) -> Response:
        asked = listing.asked(request.args)
        found = listing.listed(self._history, asked)
        return _page("runs", found=found, columns=listing.COLUMNS, json="/runs.json?" + asked.link())

    def _runs_json(self, request: Request) -> Response:
        return _json(listing.as_data(listing.listed(self._history, listing.asked(request.args))))

    def _run(self, request: Request, run: str) -> Response:
        """The very page of `deploy report`, with the way back."""
        from deployer.reporting import html

        id = self._history.entry(run).id
        text = self._reports.get(id, lambda: self._report(id))
        response = Response(text, mimetype="text/html")
        response.headers["Content-Security-Policy"] = f"{html.policy()}; frame-ancestors 'none'"
        return response

    def _report(self, id: str) -> str:
        from deployer.reporting import html, sources

        page = sources.gather([id], self._history)
        return html.as_html(page, clips_dir=self._project.clips_dir, above=_NAV)

    def _run_json(self, request: Request, run: str) -> Response:
        return _json(self._history.fields(run))

    def _trends(self, request: Request) -> Response:
        from deployer.serving import trend_plot

        found = trends.trend(self._history, request.args)
        key = json.dumps(trends.as_data(found), default=str)
        plots = self._plots.get(key, lambda: trend_plot.drawn(found))
        query = request.query_string.decode("ascii", "ignore")
        return _page("trends", found=found, plots=plots, json=f"/trends.json?{query}")

    def _trends_json(self, request: Request) -> Response:
        return _json(trends.as_data(trends.trend(self._history, request.args)))

    def _diff(self, request: Request) -> Response:
        found = self._compared(request)
        return _page("diff", found=found, json=f"/diff.json?a={found.a}&b={found.b}")

    def _diff_json(self, request: Request) -> Response:
        return _json(self._compared(request).data)

    def _compared(self, request: Request) -> differences.Compared:
        """By `a` and `b`, or two `run`s, of which the older is A."""
        chosen = request.args.getlist("run")
        if chosen and len(chosen) != 2:
            raise UsageError(f"{len(chosen)} runs are chosen", hint="choose two")
        if chosen:
            entries = sorted((self._history.entry(run) for run in chosen), key=lambda run: run.created)
            a, b = (entry.id for entry in entries)
        else:
            a, b = request.args.get("a", ""), request.args.get("b", "latest")
        return differences.compared(self._history, a, b)

    def _running(self, request: Request) -> Response:
        return _page("running", now=self._now(request), view=running, json="/running.json")

    def _running_part(self, request: Request) -> Response:
        return _page("now", now=self._now(request), view=running)

    def _running_json(self, request: Request) -> Response:
        return _json(running.as_data(self._now(request)))

    def _now(self, request: Request) -> running.Now:
        return running.now(self._state_dir, self._history, board=request.args.get("board") or None)

    def _static(self, request: Request, name: str) -> Response:
        if name not in pages.ASSETS:
            raise NotFound
        kind, text = pages.asset(name)
        return Response(text, mimetype=kind)


def _page(name: str, **values: Any) -> Response:
    return Response(pages.render(name, nav=_NAV, **values), mimetype="text/html")


def _json(value: Any) -> Response:
    return Response(json.dumps(value, ensure_ascii=False, default=str), mimetype="application/json")


def _error(status: int, message: str, hint: str, *, as_json: bool) -> Response:
    said = {"error": message, "hint": hint}
    response = _json(said) if as_json else _page("error", message=message, hint=hint)
    response.status_code = status
    return response


def _status(error: DeployError) -> int:
    if isinstance(error, MissingArtifact):
        return 404
    return 400 if isinstance(error, UsageError) and not isinstance(error, MachineRefused) else 500
