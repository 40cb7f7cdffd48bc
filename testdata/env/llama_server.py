"""llama.cpp's own HTTP server on one model file, for tests.

usage: llama_server.py HOST PORT MODEL.gguf

Port 0 lets the system choose. Prints "ready http://HOST:PORT" once the server
answers, and ends when its standard input does: a test that dies, however it
dies, takes the server with it.
"""

import sys
import urllib.request

import xllamacpp

CONTEXT = 8192  # tokens, shared by the slots
SLOTS = 2
THREADS = 2
ALIAS = "scripted"  # the name that /v1/models gives
READY_WITHIN = 30  # seconds, for one request to /health


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    host, port, model = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = CONTEXT
    parameters.n_parallel = SLOTS
    parameters.cpuparams.n_threads = THREADS
    parameters.hostnames = [host]
    parameters.port = port
    parameters.ui = False
    parameters.model_alias = {ALIAS}
    server = xllamacpp.Server(parameters)
    address = server.listening_address
    if not address.startswith("http"):
        address = "http://" + address
    urllib.request.urlopen(address + "/health", timeout=READY_WITHIN).read()
    print("ready " + address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
