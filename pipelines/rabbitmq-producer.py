"""Sends orders to the queue that rabbitmq.yaml reads, and prints the answers as lines of JSON.

    pip install pika
    RABBITMQ_PASSWORD=guest python3 rabbitmq-producer.py [COUNT]

Every seventh order is broken on purpose, so that it is not answered. Ends with 1 when other answers are
missing after ten seconds.
"""

import json
import os
import sys
import time
import uuid

import pika

QUEUE = "shop.orders"
WAIT_SECONDS = 10


def an_order(number):
    is_broken = number % 7 == 6
    return {
        "order_id": f"o-{number}",
        "amount": "n/a" if is_broken else f"{10 + number}.50",
        "country": " nl" if number % 2 == 0 else "de ",
        "email": f"customer-{number}@example.com",
        "ordered_at": "2026-01-05T10:00:00Z",
    }


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            host=os.environ.get("RABBITMQ_HOST", "localhost"),
            port=int(os.environ.get("RABBITMQ_PORT", "5672")),
            credentials=pika.PlainCredentials(
                os.environ.get("RABBITMQ_USER", "guest"), os.environ["RABBITMQ_PASSWORD"]
            ),
        )
    )
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    answers_queue = channel.queue_declare("", exclusive=True).method.queue
    answers = {}

    def on_answer(_channel, _method, properties, body):
        answers[properties.correlation_id] = json.loads(body)

    channel.basic_consume(answers_queue, on_answer, auto_ack=True)

    run = uuid.uuid4().hex
    wanted = set()
    for number in range(count):
        order = an_order(number)
        if order["amount"] != "n/a":
            wanted.add(order["order_id"])
        channel.basic_publish(
            "",
            QUEUE,
            json.dumps(order).encode(),
            pika.BasicProperties(
                content_type="application/json",
                delivery_mode=pika.DeliveryMode.Persistent,
                # By this the same order is known again, whoever sends it twice.
                message_id=f"{run}-{number}",
                correlation_id=order["order_id"],
                reply_to=answers_queue,
                headers={"traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"},
            ),
        )

    end = time.monotonic() + WAIT_SECONDS
    while not wanted <= answers.keys() and time.monotonic() < end:
        connection.process_data_events(time_limit=0.1)
    connection.close()
    for correlation_id in sorted(answers):
        print(json.dumps({"correlation_id": correlation_id, "answer": answers[correlation_id]}))
    return 0 if wanted <= answers.keys() else 1


if __name__ == "__main__":
    sys.exit(main())
