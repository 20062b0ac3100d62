"""The streaming job: records from the queue, normalised under a packet id, counted by service, stored, told to the viewer.

Every record counts exactly once, whatever dies when:

* A micro-batch is written to a file in the state directory before Spark gets it. A batch that has to be run again has the same
  records, so it is the same batch (`QueueReader`).
* The queue hears that a message is done only after the batch it belongs to was committed. What is not acknowledged comes back.
* What comes back has the same message id, and `record.message_id` is a primary key: it is not stored, or counted, again.
* The packet id is computed from the stream's id and the batch's number, so a repeated batch writes to the same packet, and the
  viewer replaces that packet's counts instead of adding to them.

Environment: PACKETS_URL, DB_URL, VIEWER_URL, QUEUE, BBQ_STATE_DIR (kept when the driver is started again).
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader
from pyspark.sql.types import StructType

BATCH = 1000
"""Records in a micro-batch, at most."""


class QueueSource(DataSource):
    """A named queue as a streaming source, in Python alone; options: `queue`, `spool` (a directory).

    The broker's URL comes from the environment: options show up in query plans.
    """

    @classmethod
    def name(cls) -> str:
        return "queue"

    def schema(self) -> str:
        return "message_id string, body string"

    def simpleStreamReader(self, schema: StructType) -> SimpleDataSourceStreamReader:
        return QueueReader(self.options["queue"], Path(self.options["spool"]))


class QueueReader(SimpleDataSourceStreamReader):
    """The offset is the number of the next batch; batch n is the file n in the spool.

    Spark asks for batch n only after batch n - 1 was committed, and runs one batch at a time.
    """

    def __init__(self, queue: str, spool: Path) -> None:
        from bbq.handles import open_queue

        self.queue = open_queue(os.environ["PACKETS_URL"], queue)
        self.spool = spool
        self.held: dict[int, list] = {}
        spool.mkdir(parents=True, exist_ok=True)

    def initialOffset(self) -> dict:
        """Spark may ask more than once, after the first `read`, too: the answer must not depend on the state."""
        return {"batch": 0}

    def read(self, start: dict) -> tuple[Iterator[tuple], dict]:
        number = start["batch"]
        self.commit(start)
        if not self._file(number).exists():
            # Held as long as this process lives. If it dies they come back, and are told apart by their ids.
            messages = self.queue.receive(BATCH, wait=0.2, claim=None)
            if not messages:
                return iter([]), start
            self._write(number, [(message.id, json.dumps(message.body, default=_text)) for message in messages])
            self.held[number] = messages
        return iter(self._rows(number)), {"batch": number + 1}

    def readBetweenOffsets(self, start: dict, end: dict) -> Iterator[tuple]:
        return iter([row for number in range(start["batch"], end["batch"]) for row in self._rows(number)])

    def commit(self, end: dict) -> None:
        """Every batch before `end` is in the database: tell the queue, then forget them."""
        for number in [number for number in self.held if number < end["batch"]]:
            self.queue.ack_many(self.held[number])
            del self.held[number]
        for path in self.spool.glob("*.json"):
            if int(path.stem) < end["batch"]:
                path.unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self.spool / f"{number:012d}.json"

    def _rows(self, number: int) -> list[tuple]:
        return [tuple(row) for row in json.loads(self._file(number).read_text())]

    def _write(self, number: int, rows: list) -> None:
        """Whole or not at all, and on the disk: a batch that Spark has seen must read the same for ever."""
        part = self._file(number).with_suffix(".part")
        with part.open("w") as stream:
            json.dump(rows, stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._file(number))
        directory = os.open(self.spool, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def normalise(body: str) -> tuple[str, str, float | None]:
    """Service, level and value of a record as it came; what cannot be read counts as the service `unreadable`."""
    try:
        record = json.loads(body)
    except ValueError:
        record = None
    service = _word(record.get("service")) if isinstance(record, dict) else ""
    if not service:
        return "unreadable", "unknown", None
    value = record.get("value")
    number = float(value) if isinstance(value, (int, float)) and abs(value) < 1e300 else None
    return service, _word(record.get("level")) or "unknown", number


def _word(value: object) -> str:
    """Lower case, and nothing that a database column refuses (NUL, lone surrogates)."""
    text = "" if value is None else str(value)
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip().lower()


def store(rows: Iterable[Row], packet_id: str, number: int, db_url: str) -> None:
    """One partition of a batch into the database, in one transaction; runs on a worker."""
    import psycopg

    values = [(row.message_id, packet_id, *normalise(row.body), row.body) for row in rows]
    if not values:
        return
    with psycopg.connect(db_url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO packet (packet_id, batch) VALUES (%s, %s) ON CONFLICT DO NOTHING", (packet_id, number))
        cursor.executemany(
            "INSERT INTO record (message_id, packet_id, service, level, value, body) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (message_id) DO NOTHING",
            values,
        )


def tell(viewer_url: str, packet_id: str, counts: dict[str, int]) -> None:
    """PUT the packet's counts. A viewer that does not answer reads them from the database when it is back."""
    request = urllib.request.Request(
        f"{viewer_url.rstrip('/')}/packets/{packet_id}",
        data=json.dumps({"services": counts}).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    for attempt in range(5):
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except OSError as error:
            print(f"the viewer does not answer: {error}", flush=True)
            time.sleep(0.2 * 2**attempt)


def process(batch: DataFrame, number: int, stream_id: uuid.UUID) -> None:
    """One micro-batch, which may be a repetition."""
    import psycopg

    db_url, packet_id = os.environ["DB_URL"], str(uuid.uuid5(stream_id, str(number)))
    parallel = batch.sparkSession.sparkContext.defaultParallelism
    batch.repartition(parallel).foreachPartition(lambda rows: store(rows, packet_id, number, db_url))
    with psycopg.connect(db_url) as connection:
        found = connection.execute("SELECT service, count(*) FROM record WHERE packet_id = %s GROUP BY 1", (packet_id,))
        counts = dict(found.fetchall())
        if not counts:  # nothing new: all of it had come before
            connection.execute("DELETE FROM packet WHERE packet_id = %s", (packet_id,))
    if counts:
        tell(os.environ["VIEWER_URL"], packet_id, counts)
        print(f"packet {packet_id} (batch {number}): {sum(counts.values())} records, {len(counts)} services", flush=True)


def stream_identity(state: Path) -> uuid.UUID:
    """One for the life of the checkpoint; batch numbers mean something only together with it."""
    path = state / "stream-id"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(str(uuid.uuid4()))
        part.replace(path)
    return uuid.UUID(path.read_text())


def main() -> None:
    state = Path(os.environ["BBQ_STATE_DIR"])
    stream_id = stream_identity(state)
    spark = SparkSession.builder.appName("normaliser").getOrCreate()
    spark.dataSource.register(QueueSource)
    records = spark.readStream.format("queue").option("queue", os.environ["QUEUE"]).option("spool", str(state / "spool")).load()
    query = (
        records.writeStream.foreachBatch(lambda batch, number: process(batch, number, stream_id))
        .option("checkpointLocation", str(state / "checkpoint"))
        .start()
    )
    print("the stream runs", flush=True)
    query.awaitTermination()


if __name__ == "__main__":
    main()
