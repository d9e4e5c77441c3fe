"""As much of PostgreSQL's protocol as it takes to see that a server answers, and to send it one statement."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.cluster import ROLE

FINE = "00000"
SILENT = "08001"  # nobody listens
NOT_YET = "57P03"  # starting, recovering, or stopping
FULL = "53300"  # all connections taken: so it runs
NO_DATABASE = "3D000"
DUPLICATE_DATABASE = "42P04"

SOCKET_NAME = ".s.PGSQL.5432"

_PROTOCOL_3 = 196608


@dataclass(frozen=True)
class Answer:
    """An SQLSTATE, and the server's words where it refused."""

    code: str
    text: str = ""


def ask(socket_directory: Path, database: str, statement: str = "", timeout: float = 10.0) -> Answer:
    """Open a session, run the statement if there is one, close. Seconds of silence count as SILENT."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(socket_directory / SOCKET_NAME))
            body = f"user\0{ROLE}\0database\0{database}\0application_name\0clientele start\0\0".encode()
            connection.sendall(struct.pack("!II", len(body) + 8, _PROTOCOL_3) + body)
            answer = _until_ready(connection)
            if statement and answer.code == FINE:
                text = statement.encode() + b"\0"
                connection.sendall(b"Q" + struct.pack("!I", len(text) + 4) + text)
                answer = _until_ready(connection)
            if answer.code == FINE:
                connection.sendall(b"X\0\0\0\4")
        except OSError as error:
            return Answer(SILENT, str(error))
    return answer


def _until_ready(connection: socket.socket) -> Answer:
    while True:
        kind, length = struct.unpack("!cI", _exactly(connection, 5))
        body = _exactly(connection, length - 4)
        if kind == b"Z":
            return Answer(FINE)
        if kind == b"E":
            # Fields of one letter and a text each; C is the SQLSTATE, M the message.
            fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
            return Answer(fields.get(b"C", ""), fields.get(b"M", ""))


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        received += part
    return received
