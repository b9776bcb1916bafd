"""A gRPC server of a test's world, run as a program inside a namespace: `grpc_server.py ADDRESS CHAIN KEY LOG`.

Service lab.Echo, messages are octets. LOG gets a JSON line for each thing that happens to a call."""

import json
import sys
import threading
import time
from concurrent import futures

import grpc

LOCK = threading.Lock()
TOGETHER = threading.Barrier(8)


def note(event, context, method, **more):
    fields = {key: value if isinstance(value, str) else value.hex() for key, value in context.invocation_metadata()}
    with LOCK:
        print(json.dumps({"event": event, "method": method, "fields": fields, **more}), file=LOG, flush=True)


def begin(context, method):
    note("begun", context, method)
    context.add_callback(lambda: note("over", context, method))
    context.send_initial_metadata((("x-initial", "a"),))
    context.set_trailing_metadata((("x-trailing", "b"), ("x-trailing-bin", b"\0\xff")))


def unary(request, context):
    begin(context, "Unary")
    return b"echo " + request


def collect(requests, context):
    begin(context, "Collect")
    total = list(requests)
    return b"%d messages, %d octets" % (len(total), sum(map(len, total)))


def split(request, context):
    begin(context, "Split")
    for number in range(int(request)):
        yield b"piece %d" % number


def talk(requests, context):
    begin(context, "Talk")
    for request in requests:
        yield b"echo " + request


def meet(requests, context):
    """Answers when eight of these calls are under way."""
    begin(context, "Meet")
    TOGETHER.wait(30)
    for request in requests:
        yield b"echo " + request


def fail(request, context):
    begin(context, "Fail")
    context.abort(grpc.StatusCode.NOT_FOUND, f"nothing called {request.decode()}: 100 % \u00e4")


def hang(request, context):
    """Until the client gives up."""
    begin(context, "Hang")
    while context.is_active():
        time.sleep(0.02)
    note("given up", context, "Hang")
    return b""


def mirror(request, context):
    """Sends the call's authorization back in every place that there is."""
    seen = dict(context.invocation_metadata()).get("authorization", "none")
    context.send_initial_metadata((("x-initial", seen),))
    context.set_trailing_metadata((("x-trailing", seen), ("x-trailing-bin", seen.encode())))
    return seen.encode()


def main():
    handlers = {"Unary": grpc.unary_unary_rpc_method_handler(unary), "Collect": grpc.stream_unary_rpc_method_handler(collect),
                "Split": grpc.unary_stream_rpc_method_handler(split), "Talk": grpc.stream_stream_rpc_method_handler(talk),
                "Meet": grpc.stream_stream_rpc_method_handler(meet),
                "Fail": grpc.unary_unary_rpc_method_handler(fail), "Hang": grpc.unary_unary_rpc_method_handler(hang),
                "Mirror": grpc.unary_unary_rpc_method_handler(mirror),
                "Denied": grpc.unary_unary_rpc_method_handler(unary)}
    server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", 1 << 26)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("lab.Echo", handlers)])
    with open(sys.argv[2], "rb") as chain, open(sys.argv[3], "rb") as key:
        credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
    assert server.add_secure_port(sys.argv[1], credentials), f"{sys.argv[1]} cannot be had"
    server.start()
    print("serving", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    with open(sys.argv[4], "a") as LOG:
        main()
