-- Orca's own tables beside those of DolphinScheduler. Nothing else is touched.
--
-- Times of these tables are milliseconds since the Unix epoch by the database's clock: they have no time zone.

CREATE TABLE IF NOT EXISTS t_orca_master (
    address        varchar(135) NOT NULL,
    epoch          bigint       NOT NULL,
    state          varchar(16)  NOT NULL,
    connection_ids text,
    started_at     bigint       NOT NULL,
    changed_at     bigint       NOT NULL,
    PRIMARY KEY (address)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS t_orca_instance (
    workflow_instance_id int          NOT NULL,
    owner                varchar(135) NOT NULL,
    owner_epoch          bigint       NOT NULL,
    epoch                bigint       NOT NULL,
    step                 bigint       NOT NULL,
    timeout_base         bigint       NOT NULL,
    PRIMARY KEY (workflow_instance_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS t_orca_failover (
    id           bigint       NOT NULL AUTO_INCREMENT,
    address      varchar(135) NOT NULL,
    epoch        bigint       NOT NULL,
    kind         varchar(16)  NOT NULL,
    state        varchar(16)  NOT NULL,
    worked_by    varchar(135),
    reason       text,
    detected_at  bigint       NOT NULL,
    claimed_at   bigint,
    scanned_at   bigint,
    done_at      bigint,
    moved        int          NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY uk_orca_failover_incarnation (address, epoch, kind),
    KEY idx_orca_failover_state (state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS t_orca_failover_entry (
    id                   bigint      NOT NULL AUTO_INCREMENT,
    failover_id          bigint      NOT NULL,
    workflow_instance_id int         NOT NULL,
    task_instance_id     int,
    event                varchar(32) NOT NULL,
    detail               text,
    at                   bigint      NOT NULL,
    PRIMARY KEY (id),
    KEY idx_orca_failover_entry_failover (failover_id, id),
    KEY idx_orca_failover_entry_instance (workflow_instance_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;
