"""Look at the network."""

import json
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from curate.builders.lock.archives import PYPI
from curate.doctor.context import CheckContext
from curate.doctor.http import CONNECT_SECONDS, HttpQuestion, HttpReply, ask_server, host_of
from curate.doctor.judgments.network import (
    BundleFacts,
    IndexFacts,
    judge_bundles,
    judge_clock,
    judge_index,
    judge_network,
    judge_proxies,
)
from curate.doctor.model import Check
from curate.doctor.parallel import call_all

BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO")
_SOME_PACKAGE = "pip"  # which every index has
_JSON = "application/vnd.pypi.simple.v1+json"


def check_network(context: CheckContext) -> list[Check]:
    """Whether servers answer, and what time they have."""
    urls = [context.settings.github_api_url, _index_page(context)]
    urls = [url for url in urls if urlsplit(url).scheme in {"http", "https"}]
    replies = call_all([partial(_ask, url, context) for url in urls], context.seconds_left)
    seen = [it if isinstance(it, HttpReply) else HttpReply(fault="no answer") for it in replies]
    faults = {host_of(url): it.fault for url, it in zip(urls, seen, strict=True)}
    skews = [skew for it in seen if (skew := _read_skew(it)) is not None]
    return [judge_network(faults), judge_clock(min(skews, key=abs, default=None))]


def _ask(url: str, context: CheckContext) -> HttpReply:
    question = HttpQuestion(method="HEAD", url=url, seconds=context.answer_seconds)
    return ask_server(question)


def _read_skew(reply: HttpReply) -> float | None:
    """Return how far this clock is ahead of the server's, in seconds; None if it told no time."""
    try:
        return time.time() - parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def check_proxies(context: CheckContext) -> list[Check]:
    """Whether the proxies of the environment take connections."""
    named = getproxies_environment()
    urls = [url for name, url in named.items() if name in {"http", "https", "all"} and url]
    addresses = list(dict.fromkeys(urls))
    outcomes = call_all([partial(_connect, url) for url in addresses], context.seconds_left)
    faults = {
        host_of(url if "://" in url else f"http://{url}"): it
        if isinstance(it, str)
        else "no answer"
        for url, it in zip(addresses, outcomes, strict=True)
    }
    return [judge_proxies(faults)]


def _connect(url: str) -> str:
    """Connect to the host of *url*; return why that fails, "" if it does not."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or {"https": 443, "socks5": 1080, "socks5h": 1080}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except ValueError:
        return "is no address"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_bundles(context: CheckContext) -> list[Check]:
    """Whether files of certificates that are named can be read."""
    named = {name: context.environment.get(name, "") for name in BUNDLE_VARIABLES}
    named["ca_bundle"] = str(context.settings.ca_bundle or "")
    read = cache(_count_certificates)  # several variables mostly name the same file
    bundles = []
    for name, path in named.items():
        if path:
            is_folder = name != "ca_bundle" and Path(path).is_dir()  # which OpenSSL takes, too
            count, fault = (0, "") if is_folder else read(path)
            bundles.append(BundleFacts(name=name, path=path, certificates=count, fault=fault))
    return [judge_bundles(bundles)]


def _count_certificates(path: str) -> tuple[int, str]:
    """Return the number of certificates in *path*, and why it is no file of them, "" if it is."""
    try:
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusted.load_verify_locations(cafile=path)
    except ssl.SSLError:
        return 0, "no PEM file of certificates"
    except OSError as error:
        return 0, error.strerror or str(error)
    return trusted.cert_store_stats()["x509"], ""


def check_index(context: CheckContext) -> list[Check]:
    """Whether the package index tells when files were uploaded."""
    url = _index_url(context)
    shown = host_of(url)
    if urlsplit(url).scheme not in {"http", "https"}:
        return [judge_index(IndexFacts(address=url, fault=f"{url} is no HTTP address"))]
    bundle = context.settings.ca_bundle
    reply = ask_server(
        HttpQuestion(
            url=_index_page(context),
            headers={"Accept": f"{_JSON}, text/html;q=0.1"},
            ca_bundle=str(bundle) if bundle and bundle.is_file() else "",
            seconds=context.answer_seconds,
        )
    )
    if reply.fault or reply.status != 200:
        fault = reply.fault or f"{shown} answers {reply.status} for {_SOME_PACKAGE}"
        return [judge_index(IndexFacts(address=shown, fault=fault))]
    return [judge_index(read_index(shown, reply.text))]


def read_index(address: str, text: str) -> IndexFacts:
    """Return what the page of a package, in JSON or HTML, says of its files."""
    try:
        files = json.loads(text)["files"]
        dated = sum(bool(it.get("upload-time")) for it in files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return IndexFacts(address=address, files=text.count("<a "))
    return IndexFacts(address=address, files=len(files), dated_files=dated, is_json=True)


def _index_url(context: CheckContext) -> str:
    return context.settings.index_url or PYPI


def _index_page(context: CheckContext) -> str:
    return f"{_index_url(context).rstrip('/')}/{_SOME_PACKAGE}/"
