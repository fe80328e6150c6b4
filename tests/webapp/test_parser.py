"""What is no request, or too much of one, is refused before the app is asked."""

import pytest
from tiny_server import ask, body, connected, get, read_all


def test_an_error_in_the_app_is_a_500_that_says_nothing_about_it(serve):
    answer = ask(serve().port, "/error")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert b"Traceback" not in answer
    assert b"waitress" not in answer


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        pytest.param("1.1", ["Content-Length: 5", CHUNKED], id="length and chunked"),
        pytest.param("1.1", [CHUNKED, "Content-Length: 5"], id="chunked and length"),
        pytest.param("1.1", ["Content-Length: 5", "Transfer-Encoding:"], id="empty encoding"),
        pytest.param("1.0", ["Content-Length: 5", CHUNKED], id="HTTP/1.0 and chunked"),
        pytest.param("1.0", [CHUNKED], id="only chunked, HTTP/1.0"),
        pytest.param("1.1", ["Content-Length: +5"], id="signed length"),
        pytest.param("1.1", ["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
    ],
)
def test_a_request_of_doubtful_length_gets_one_400_and_nothing_after_it_is_read(
    serve, version, headers
):
    smuggled = b"0\r\n\r\n" + get("/port")
    with connected(serve().port, get("/length", *headers, version=version) + smuggled) as client:
        answer = read_all(client)
    assert b" 400 " in answer.splitlines()[0]
    assert answer.count(b"HTTP/1.") == 1


def test_a_chunked_body_is_read(serve):
    with connected(serve().port, get("/length", CHUNKED, "Connection: close")) as client:
        client.sendall(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert body(read_all(client)) == b"5"


def test_headers_over_the_limit_are_refused_with_431(serve):
    port = serve(max_request_header_bytes=1000).port
    room = 1000 - len(get("/port", "Connection: close", "X: "))
    for size, status in ((room, b" 200 "), (room + 1, b" 431 ")):
        with connected(port, get("/port", "Connection: close", "X: " + "x" * size)) as client:
            assert status in read_all(client).splitlines()[0]


def test_a_body_over_the_limit_is_refused_with_413_before_it_is_sent(serve):
    port = serve(max_request_body_bytes=1000).port
    with connected(port, get("/length", "Content-Length: 1001")) as client:
        assert b" 413 " in read_all(client).splitlines()[0]
    with connected(port, get("/length", "Content-Length: 1000", "Connection: close")) as client:
        client.sendall(bytes(1000))
        assert body(read_all(client)) == b"1000"


def test_a_chunked_body_over_the_limit_is_refused_with_413(serve):
    with connected(serve(max_request_body_bytes=1000).port, get("/length", CHUNKED)) as client:
        client.sendall(b"400\r\n" + bytes(1024))
        assert b" 413 " in read_all(client).splitlines()[0]
