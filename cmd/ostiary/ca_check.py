# Connects to the server of a name at a port of this machine with each library that
# is here, and prints whether it took the certificate.
import socket
import ssl
import sys
import urllib.error
import urllib.request

name, port = sys.argv[1], int(sys.argv[2])
url = "https://%s:%d/" % (name, port)
look_up = socket.getaddrinfo


def here(host, *args, **kwargs):
    if host in (name, name.encode()):
        host = "127.0.0.1"
    return look_up(host, *args, **kwargs)


socket.getaddrinfo = here


def refused(error):
    """Whether an error, or what caused it, is that of a certificate."""
    seen = 0
    while error is not None and seen < 16:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        for a in list(getattr(error, "args", ())) + [getattr(error, "reason", None)]:
            if isinstance(a, BaseException) and a is not error and refused(a):
                return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def ask(library, call):
    try:
        call()
        print(library, "ok")
    except Exception as error:
        print(library, "untrusted" if refused(error) or "CERTIFICATE_VERIFY_FAILED" in str(error) else "failed")


ask("ssl", lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30))
for library in ("requests", "httpx", "httpx2"):
    try:
        module = __import__(library)
    except Exception:
        continue
    ask(library, lambda: module.get(url, timeout=30))
