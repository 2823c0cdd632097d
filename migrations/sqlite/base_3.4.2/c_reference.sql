-- DolphinScheduler 3.4.2 on SQLite: people, resources and everything else a run refers to.
--
-- Ids are AUTOINCREMENT because slots and the serial queue rely on ids that are never used twice. Times are text in the form
-- YYYY-MM-DD HH:MM:SS. Index names carry the table's name because SQLite has one name space for them. Every statement may run again.

CREATE TABLE IF NOT EXISTS t_ds_access_token (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER,
    token         TEXT,
    expire_time   TEXT,
    create_time   TEXT,
    update_time   TEXT
);

CREATE TABLE IF NOT EXISTS t_ds_alert (
    id                         INTEGER PRIMARY KEY AUTOINCREMENT,
    title                      TEXT,
    sign                       TEXT NOT NULL DEFAULT '',
    content                    TEXT,
    alert_status               INTEGER DEFAULT 0,
    warning_type               INTEGER DEFAULT 2,
    log                        TEXT,
    alertgroup_id              INTEGER,
    create_time                TEXT,
    update_time                TEXT,
    project_code               INTEGER,
    workflow_definition_code   INTEGER,
    workflow_instance_id       INTEGER,
    alert_type                 INTEGER
);
CREATE INDEX IF NOT EXISTS t_ds_alert__idx_status ON t_ds_alert (alert_status);
CREATE INDEX IF NOT EXISTS t_ds_alert__idx_sign ON t_ds_alert (sign);

CREATE TABLE IF NOT EXISTS t_ds_alert_plugin_instance (
    id                       INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin_define_id         INTEGER NOT NULL,
    plugin_instance_params   TEXT,
    create_time              TEXT DEFAULT CURRENT_TIMESTAMP,
    update_time              TEXT DEFAULT CURRENT_TIMESTAMP,
    instance_name            TEXT
);

CREATE TABLE IF NOT EXISTS t_ds_alert_send_status (
    id                         INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id                   INTEGER NOT NULL,
    alert_plugin_instance_id   INTEGER NOT NULL,
    send_status                INTEGER DEFAULT 0,
    log                        TEXT,
    create_time                TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_alert_send_status__alert_send_status_unique ON t_ds_alert_send_status (alert_id, alert_plugin_instance_id);

CREATE TABLE IF NOT EXISTS t_ds_alertgroup (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_instance_ids   TEXT,
    create_user_id       INTEGER,
    group_name           TEXT,
    description          TEXT,
    create_time          TEXT,
    update_time          TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_alertgroup__t_ds_alertgroup_name_un ON t_ds_alertgroup (group_name);

CREATE TABLE IF NOT EXISTS t_ds_audit_log (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id          INTEGER NOT NULL,
    model_id         INTEGER,
    model_name       TEXT,
    model_type       TEXT NOT NULL,
    operation_type   TEXT NOT NULL,
    description      TEXT,
    latency          INTEGER,
    detail           TEXT,
    create_time      TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS t_ds_cluster (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    code          INTEGER,
    name          TEXT NOT NULL,
    config        TEXT,
    description   TEXT,
    operator      INTEGER,
    create_time   TEXT DEFAULT CURRENT_TIMESTAMP,
    update_time   TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_cluster__cluster_name_unique ON t_ds_cluster (name);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_cluster__cluster_code_unique ON t_ds_cluster (code);

CREATE TABLE IF NOT EXISTS t_ds_datasource (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT NOT NULL,
    note                TEXT,
    type                INTEGER NOT NULL,
    user_id             INTEGER NOT NULL,
    connection_params   TEXT NOT NULL,
    create_time         TEXT NOT NULL,
    update_time         TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_datasource__t_ds_datasource_name_un ON t_ds_datasource (name, type);

CREATE TABLE IF NOT EXISTS t_ds_environment (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    code          INTEGER,
    name          TEXT NOT NULL,
    config        TEXT,
    description   TEXT,
    operator      INTEGER,
    create_time   TEXT DEFAULT CURRENT_TIMESTAMP,
    update_time   TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_environment__environment_name_unique ON t_ds_environment (name);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_environment__environment_code_unique ON t_ds_environment (code);

CREATE TABLE IF NOT EXISTS t_ds_environment_worker_group_relation (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    environment_code   INTEGER NOT NULL,
    worker_group       TEXT NOT NULL,
    operator           INTEGER,
    create_time        TEXT DEFAULT CURRENT_TIMESTAMP,
    update_time        TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_environment_worker_group_relation__environment_worker_group_unique ON t_ds_environment_worker_group_relation (environment_code, worker_group);

CREATE TABLE IF NOT EXISTS t_ds_k8s (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    k8s_name      TEXT,
    k8s_config    TEXT,
    create_time   TEXT,
    update_time   TEXT
);

CREATE TABLE IF NOT EXISTS t_ds_k8s_namespace (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    code           INTEGER NOT NULL DEFAULT 0,
    namespace      TEXT,
    user_id        INTEGER,
    cluster_code   INTEGER NOT NULL DEFAULT 0,
    create_time    TEXT,
    update_time    TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_k8s_namespace__k8s_namespace_unique ON t_ds_k8s_namespace (namespace, cluster_code);

CREATE TABLE IF NOT EXISTS t_ds_plugin_define (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin_name     TEXT NOT NULL,
    plugin_type     TEXT NOT NULL,
    plugin_params   TEXT,
    create_time     TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    update_time     TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_plugin_define__t_ds_plugin_define_un ON t_ds_plugin_define (plugin_name, plugin_type);

CREATE TABLE IF NOT EXISTS t_ds_queue (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_name    TEXT,
    queue         TEXT,
    create_time   TEXT,
    update_time   TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_queue__unique_queue_name ON t_ds_queue (queue_name);

CREATE TABLE IF NOT EXISTS t_ds_relation_datasource_user (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         INTEGER NOT NULL,
    datasource_id   INTEGER,
    perm            INTEGER DEFAULT 1,
    create_time     TEXT,
    update_time     TEXT
);

CREATE TABLE IF NOT EXISTS t_ds_relation_namespace_user (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        INTEGER NOT NULL,
    namespace_id   INTEGER,
    perm           INTEGER DEFAULT 1,
    create_time    TEXT,
    update_time    TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_relation_namespace_user__namespace_user_unique ON t_ds_relation_namespace_user (user_id, namespace_id);

CREATE TABLE IF NOT EXISTS t_ds_relation_project_user (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL,
    project_id    INTEGER,
    perm          INTEGER DEFAULT 1,
    create_time   TEXT,
    update_time   TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_relation_project_user__uniq_uid_pid ON t_ds_relation_project_user (user_id, project_id);

CREATE TABLE IF NOT EXISTS t_ds_relation_project_worker_group (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    project_code   INTEGER NOT NULL,
    worker_group   TEXT,
    create_time    TEXT,
    update_time    TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_relation_project_worker_group__unique_project_worker_group ON t_ds_relation_project_worker_group (project_code, worker_group);

CREATE TABLE IF NOT EXISTS t_ds_relation_resources_user (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        INTEGER NOT NULL,
    resources_id   INTEGER,
    perm           INTEGER DEFAULT 1,
    create_time    TEXT,
    update_time    TEXT
);

CREATE TABLE IF NOT EXISTS t_ds_relation_udfs_user (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL,
    udf_id        INTEGER,
    perm          INTEGER DEFAULT 1,
    create_time   TEXT,
    update_time   TEXT
);

CREATE TABLE IF NOT EXISTS t_ds_resources (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    alias          TEXT,
    file_name      TEXT,
    description    TEXT,
    user_id        INTEGER,
    type           INTEGER,
    size           INTEGER,
    create_time    TEXT,
    update_time    TEXT,
    pid            INTEGER,
    full_name      TEXT,
    is_directory   INTEGER
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_resources__t_ds_resources_un ON t_ds_resources (full_name, type);

CREATE TABLE IF NOT EXISTS t_ds_session (
    id                TEXT NOT NULL,
    user_id           INTEGER,
    ip                TEXT,
    last_login_time   TEXT,
    PRIMARY KEY (id)
);

CREATE TABLE IF NOT EXISTS t_ds_tenant (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_code   TEXT,
    description   TEXT,
    queue_id      INTEGER,
    create_time   TEXT,
    update_time   TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_tenant__unique_tenant_code ON t_ds_tenant (tenant_code);

CREATE TABLE IF NOT EXISTS t_ds_udfs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         INTEGER NOT NULL,
    func_name       TEXT NOT NULL,
    class_name      TEXT NOT NULL,
    type            INTEGER NOT NULL,
    arg_types       TEXT,
    "database"      TEXT,
    description     TEXT,
    resource_id     INTEGER NOT NULL,
    resource_name   TEXT NOT NULL,
    create_time     TEXT NOT NULL,
    update_time     TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_udfs__unique_func_name ON t_ds_udfs (func_name);

CREATE TABLE IF NOT EXISTS t_ds_user (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_name       TEXT,
    user_password   TEXT,
    user_type       INTEGER,
    email           TEXT,
    phone           TEXT,
    tenant_id       INTEGER DEFAULT -1,
    create_time     TEXT,
    update_time     TEXT,
    queue           TEXT,
    state           INTEGER DEFAULT 1,
    time_zone       TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_user__user_name_unique ON t_ds_user (user_name);

CREATE TABLE IF NOT EXISTS t_ds_version (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    version   TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_version__version_unique ON t_ds_version (version);

CREATE TABLE IF NOT EXISTS t_ds_worker_group (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    addr_list     TEXT,
    create_time   TEXT,
    update_time   TEXT,
    description   TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_worker_group__name_unique ON t_ds_worker_group (name);
