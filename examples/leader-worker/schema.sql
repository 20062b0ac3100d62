-- For PostgreSQL and MariaDB alike.
CREATE TABLE run (
    run_id     CHAR(36) PRIMARY KEY,
    run_key    VARCHAR(200) NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE task (
    task_id    CHAR(36) PRIMARY KEY,
    run_id     CHAR(36) NOT NULL,
    selection  VARCHAR(100) NOT NULL,
    start_date VARCHAR(16) NOT NULL,
    end_date   VARCHAR(16) NOT NULL,
    queued     SMALLINT NOT NULL DEFAULT 0,
    peak_load  DOUBLE PRECISION,
    energy     DOUBLE PRECISION,
    FOREIGN KEY (run_id) REFERENCES run (run_id),
    UNIQUE (run_id, selection, start_date)
);

-- How far each task is: STARTED, then FINISHED or FAILED.
CREATE TABLE run_process (
    id          SERIAL PRIMARY KEY,
    run_id      CHAR(36) NOT NULL,
    task_id     CHAR(36) NOT NULL UNIQUE,
    task_status VARCHAR(10) NOT NULL CHECK (task_status IN ('STARTED', 'FINISHED', 'FAILED'))
);
