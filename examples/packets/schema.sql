-- One packet is one micro-batch of the stream.
CREATE TABLE packet (
    packet_id  uuid PRIMARY KEY,
    batch      bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- message_id is the queue's id of the message, the same at every delivery: a record that comes twice is kept once.
CREATE TABLE record (
    message_id text PRIMARY KEY,
    packet_id  uuid NOT NULL REFERENCES packet,
    service    text NOT NULL,
    level      text NOT NULL,
    value      double precision,
    body       text NOT NULL
);

CREATE INDEX record_by_packet ON record (packet_id, service);
