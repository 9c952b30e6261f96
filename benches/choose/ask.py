"""Asks the server of models.py for a training: `python -S -E ask.py SOCKET MODEL TRAIN TEST SEED PREDICTIONS`."""

import _socket
import sys

server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect(sys.argv[1])
server.send(("\t".join(sys.argv[2:]) + "\n").encode())
answer = b""
while part := server.recv(65536):
    answer += part
if answer != b"ok\n":
    sys.exit(answer.decode() or "the server ended")
