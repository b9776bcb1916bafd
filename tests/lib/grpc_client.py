"""A gRPC client of a guest, run as a program: `grpc_client.py HOST:PORT ROOTS CALLS`, one channel for all calls.

CALLS is a JSON list, one after the other: {"method": "Unary", "kind": "unary", "collect", "split" or "talk", "messages": [text...],
"timeout": seconds, "cancel": after so many answers, "together": with the next}. It prints a JSON list of what became of each."""

import json
import queue
import sys

import grpc

KINDS = {"unary": "unary_unary", "collect": "stream_unary", "split": "unary_stream", "talk": "stream_stream"}


def messages_of(call):
    return [text.encode() * call.get("times", 1) for text in call.get("messages", ["hello"])]


def begin(channel, call):
    """(the call under way, a way to say more)"""
    method = getattr(channel, KINDS[call["kind"]])(call.get("path", f"/lab.Echo/{call['method']}"))
    options = {"timeout": call.get("timeout", 60), "metadata": [("x-mine", "c"), ("x-mine-bin", b"\1\2")]}
    messages = messages_of(call)
    if call["kind"] in ("unary", "split"):
        return (method.future if call["kind"] == "unary" else method)(messages[0], **options), None
    if call["kind"] == "collect":
        return method.future(iter(messages), **options), None
    said = queue.Queue()
    said.put(messages[0])
    return method(iter(said.get, None), **options), said


def finish(call, running, said):
    received, messages = [], messages_of(call)
    try:
        if call["kind"] in ("unary", "collect"):
            if "cancel" in call:
                running.cancel()
            received.append(running.result())
        else:
            for answer in running:
                received.append(answer)
                if call.get("cancel") == len(received):
                    running.cancel()
                if said:  # the next message when the last one has been answered
                    said.put(messages[len(received)] if len(received) < len(messages) else None)
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    finally:
        if said:
            said.put(None)

    def fields(pairs):
        return {key: value if isinstance(value, str) else value.hex() for key, value in pairs or ()}
    return {"code": running.code().name, "details": running.details(), "messages": [message.decode()[:200] for message in received],
            "octets": sum(map(len, received)), "initial": fields(running.initial_metadata()),
            "trailing": fields(running.trailing_metadata())}


def main():
    with open(sys.argv[2], "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    calls, results, waiting = json.loads(sys.argv[3]), [], []
    with grpc.secure_channel(sys.argv[1], credentials, options=[("grpc.max_receive_message_length", 1 << 26)]) as channel:
        for call in calls:
            waiting.append((call, *begin(channel, call)))
            if not call.get("together"):
                results += [finish(*each) for each in waiting]
                waiting = []
    print(json.dumps(results))


if __name__ == "__main__":
    main()
