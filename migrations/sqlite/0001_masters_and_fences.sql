-- Orca's own tables beside those of DolphinScheduler. Nothing else is touched.
--
-- Times of these tables are milliseconds since the Unix epoch by the database's clock: they have no time zone.

CREATE TABLE IF NOT EXISTS t_orca_master (
    address TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    state TEXT NOT NULL,
    connection_ids TEXT,
    started_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (address)
);

CREATE TABLE IF NOT EXISTS t_orca_instance (
    workflow_instance_id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    owner_epoch INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    step INTEGER NOT NULL,
    timeout_base INTEGER NOT NULL,
    PRIMARY KEY (workflow_instance_id)
);

CREATE TABLE IF NOT EXISTS t_orca_failover (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    worked_by TEXT,
    reason TEXT,
    detected_at INTEGER NOT NULL,
    claimed_at INTEGER,
    scanned_at INTEGER,
    done_at INTEGER,
    moved INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS uk_orca_failover_incarnation ON t_orca_failover (address, epoch, kind);
CREATE INDEX IF NOT EXISTS idx_orca_failover_state ON t_orca_failover (state);

CREATE TABLE IF NOT EXISTS t_orca_failover_entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    failover_id INTEGER NOT NULL,
    workflow_instance_id INTEGER NOT NULL,
    task_instance_id INTEGER,
    event TEXT NOT NULL,
    detail TEXT,
    at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_orca_failover_entry_failover ON t_orca_failover_entry (failover_id, id);
CREATE INDEX IF NOT EXISTS idx_orca_failover_entry_instance ON t_orca_failover_entry (workflow_instance_id);
