"""Adds the risk of each order, for the step `exec` of enrich.yaml.

Each line on stdin is a record as JSON: {"id": 1, "value": {...}}, with "key", "headers" and "traceparent"
where it has them. Each answer is a line with the same id: {"id": 1, "value": {...}}, {"id": 1, "values": [...]}
for none or several, or {"id": 1, "error": "why"}, which sends the record to the dead-letter topic.
"""

import json
import secrets
import sys


def child_of(traceparent):
    """The W3C Trace Context for what is called on behalf of the record; None where nothing is traced.

    It goes on with the trace of the record, under a span of its own: send it as the header `traceparent`,
    or hand it to the OpenTelemetry SDK of your language.
    """
    if traceparent is None:
        return None
    version, trace_id, _parent, flags = traceparent.split("-")
    return "-".join([version, trace_id, secrets.token_hex(8), flags])


def enrich(order, context):
    total = round(order["price"] * order["count"], 2)
    order["total"] = total
    order["risk"] = "high" if total > 1_000 else "low"
    if context is not None and order["risk"] == "high":
        # What is written to stderr becomes lines of the log.
        print(f"high risk: order {order['id']}, traceparent {context}", file=sys.stderr)
    return order


for line in sys.stdin:
    message = json.loads(line)
    try:
        order = enrich(message["value"], child_of(message.get("traceparent")))
        answer = {"id": message["id"], "value": order}
    except (KeyError, TypeError) as problem:
        answer = {"id": message["id"], "error": f"no order: {problem!r}"}
    print(json.dumps(answer))
