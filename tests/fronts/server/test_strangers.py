"""Whoever does not show the token is heard for a few seconds, and never keeps out who does."""

import json
import resource
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager

import httpx2
import pytest
import websockets.sync.client

from convscope.explorer.jobs.jobs import JobList
from convscope.fronts.server.address import bound
from convscope.fronts.server.app import Served, make_app
from convscope.fronts.server.events import Events
from convscope.fronts.server.strangers import LIMIT, Server, Strangers

LONG = 120.0  # seconds after which a test is wrong, not slow
TOKEN = {"Authorization": "Bearer secret"}


@contextmanager
def served(workspace, patience, limit=LIMIT):
    """The port of a real server in this process."""
    events = Events()
    with bound("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        app = make_app(Served(workspace, JobList(workspace, events.tell), events, "secret"), {f"127.0.0.1:{port}"})
        server = Server(app, patience, limit)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()


def opened(stack, port, said=b""):
    """A connection that said something, and no more."""
    made = stack.enter_context(socket.create_connection(("127.0.0.1", port), LONG))
    made.sendall(said)
    return made


def hung_up(connection):
    """Wait until the server ends a connection; what it said before."""
    heard = b""
    try:
        while more := connection.recv(65536):
            heard += more
    except ConnectionResetError:
        pass
    return heard


def jobs(port):
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=LONG) as client:
        return client.get("/api/jobs", headers=TOKEN).status_code


@pytest.mark.parametrize("said", [
    b"", b"GET", b"GET / HTTP/1.1\r\nHost: ", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
])  # fmt: skip
def test_who_says_nothing_more_is_hung_up_on(workspace, said):
    with served(workspace, patience=0.2) as port, ExitStack() as stack:
        for connection in [opened(stack, port, said) for _ in range(20)]:
            hung_up(connection)


def test_who_says_a_letter_now_and_then_is_hung_up_on_too(workspace):
    with served(workspace, patience=0.3) as port, ExitStack() as stack:
        connection = opened(stack, port, b"GET / HTTP/1.1\r\nX: ")
        connection.settimeout(0.05)
        for _ in range(round(LONG / 0.05)):
            try:
                connection.sendall(b"x")
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("it is still listened to")


def test_an_answer_may_take_longer_than_a_question(workspace, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(JobList, "all", lambda _self: release.wait(LONG) and [])
    with served(workspace, patience=0.1) as port:
        threading.Timer(0.5, release.set).start()
        assert jobs(port) == 200


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on files")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_as_many_silent_sockets_as_the_process_may_have_files_keep_nobody_out(workspace, caplog):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with served(workspace, patience=LONG) as port, ExitStack() as stack:
        mine = [socket.socket() for _ in range(300)]  # made while that is allowed
        stack.callback(lambda: [each.close() for each in mine])
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=LONG) as client:
            known = client.get("/api/jobs", headers=TOKEN)
            spare = socket.socket()
            stack.enter_context(spare)
            resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno() + 150, before[1]))
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
            for each in mine:
                each.settimeout(LONG)
                each.connect(("127.0.0.1", port))
                each.sendall(b"GET / HT")
            assert known.status_code == client.get("/api/jobs", headers=TOKEN).status_code == 200
            spare.settimeout(LONG)
            spare.connect(("127.0.0.1", port))
            spare.sendall(f"GET /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer secret\r\n"
                          "Connection: close\r\n\r\n".encode())  # fmt: skip
            assert hung_up(spare).startswith(b"HTTP/1.1 200")
    assert not caplog.records


def test_websockets_without_the_token_keep_out_none_with_it(workspace, monkeypatch):
    monkeypatch.setattr("convscope.fronts.server.events._PATIENCE", LONG)
    with served(workspace, patience=LONG, limit=8) as port, ExitStack() as stack:

        def listening(token):
            made = stack.enter_context(websockets.sync.client.connect(f"ws://127.0.0.1:{port}/api/events"))
            if token:
                made.send(json.dumps({"token": token}))
            return made

        known = [listening("secret") for _ in range(4)]
        strangers = [listening("") for _ in range(30)]
        for stranger in strangers[:-8]:
            with pytest.raises(websockets.exceptions.ConnectionClosed):
                stranger.recv(LONG)
        assert all(each.ping().wait(LONG) for each in known)
        assert jobs(port) == 200


class Fake:
    """A connection from somewhere."""

    def __init__(self, host, log):
        self.host, self.log = host, log

    def get_extra_info(self, _name):
        return (self.host, 1)

    def is_closing(self):
        return self in self.log

    def abort(self):
        self.log.append(self)


def test_the_oldest_of_the_address_with_the_most_goes_first():
    gone, strangers = [], Strangers(4)
    mine, *crowd = (Fake(host, gone) for host in ("me", *["crowd"] * 9))
    for each in (mine, *crowd[:3]):
        strangers.add(each)
    assert gone == []
    strangers.add(crowd[3])
    strangers.add(crowd[4])
    assert gone == crowd[:2]
    strangers.know(crowd[2])
    strangers.add(crowd[5])
    assert gone == crowd[:2]  # one is known, and so is none of them
    gone.append(crowd[3])  # which ended by itself
    strangers.add(crowd[6])
    assert gone == [*crowd[:2], crowd[3]]


@pytest.mark.parametrize("how", ["query", "path", "header", "headers"])
def test_a_head_that_is_too_large_is_refused_though_it_is_here_at_once(workspace, how):
    long = "x" * 70_000
    path = {"query": f"/?{long}", "path": f"/{long}"}.get(how, "/")
    more = {"header": f"X: {long}\r\n", "headers": "a: b\r\n" * 5000}.get(how, "")
    with served(workspace, patience=LONG) as port, ExitStack() as stack:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n".encode()
        heard = hung_up(opened(stack, port, head))
        assert heard.split()[1] in (b"431", b"400")  # 400 where it happened to come in pieces


def test_no_first_words_leave_a_traceback(workspace, caplog):
    with served(workspace, patience=LONG) as port:
        for first in ('{"token": "\\ud800"}', "[" * 990, '{"token":' * 90, "\0", b"\xff\xfe", "x" * 4000):
            with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/api/events") as stranger:
                stranger.send(first)
                with pytest.raises(websockets.exceptions.ConnectionClosed):
                    stranger.recv(LONG)
    assert not [record for record in caplog.records if record.exc_info or "Traceback" in record.getMessage()]
