-- DolphinScheduler 3.4.2 on SQLite: workflows, tasks, commands, projects.
--
-- Ids are AUTOINCREMENT because slots and the serial queue rely on ids that are never used twice. Times are text in the form
-- YYYY-MM-DD HH:MM:SS. Index names carry the table's name because SQLite has one name space for them. Every statement may run again.

CREATE TABLE IF NOT EXISTS t_ds_command (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    command_type                  INTEGER,
    workflow_definition_code      INTEGER NOT NULL,
    workflow_definition_version   INTEGER DEFAULT 0,
    workflow_instance_id          INTEGER DEFAULT 0,
    command_param                 TEXT,
    task_depend_type              INTEGER,
    failure_strategy              INTEGER DEFAULT 0,
    warning_type                  INTEGER DEFAULT 0,
    warning_group_id              INTEGER,
    schedule_time                 TEXT,
    start_time                    TEXT,
    executor_id                   INTEGER,
    update_time                   TEXT,
    workflow_instance_priority    INTEGER DEFAULT 2,
    worker_group                  TEXT,
    tenant_code                   TEXT DEFAULT 'default',
    environment_code              INTEGER DEFAULT -1,
    dry_run                       INTEGER DEFAULT 0
);
CREATE INDEX IF NOT EXISTS t_ds_command__priority_id_index ON t_ds_command (workflow_instance_priority, id);

CREATE TABLE IF NOT EXISTS t_ds_error_command (
    id                            INTEGER NOT NULL,
    command_type                  INTEGER,
    executor_id                   INTEGER,
    workflow_definition_code      INTEGER NOT NULL,
    workflow_definition_version   INTEGER DEFAULT 0,
    workflow_instance_id          INTEGER DEFAULT 0,
    command_param                 TEXT,
    task_depend_type              INTEGER,
    failure_strategy              INTEGER DEFAULT 0,
    warning_type                  INTEGER DEFAULT 0,
    warning_group_id              INTEGER,
    schedule_time                 TEXT,
    start_time                    TEXT,
    update_time                   TEXT,
    workflow_instance_priority    INTEGER DEFAULT 2,
    worker_group                  TEXT,
    tenant_code                   TEXT DEFAULT 'default',
    environment_code              INTEGER DEFAULT -1,
    message                       TEXT,
    dry_run                       INTEGER DEFAULT 0,
    PRIMARY KEY (id)
);

CREATE TABLE IF NOT EXISTS t_ds_fav_task (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    task_type   TEXT NOT NULL,
    user_id     INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS t_ds_project (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT,
    code          INTEGER NOT NULL,
    description   TEXT,
    user_id       INTEGER,
    flag          INTEGER DEFAULT 1,
    create_time   TEXT NOT NULL,
    update_time   TEXT
);
CREATE INDEX IF NOT EXISTS t_ds_project__user_id_index ON t_ds_project (user_id);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_project__unique_name ON t_ds_project (name);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_project__unique_code ON t_ds_project (code);

CREATE TABLE IF NOT EXISTS t_ds_project_parameter (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    param_name        TEXT NOT NULL,
    param_value       TEXT NOT NULL,
    param_data_type   TEXT DEFAULT 'VARCHAR',
    code              INTEGER NOT NULL,
    project_code      INTEGER NOT NULL,
    user_id           INTEGER,
    operator          INTEGER,
    create_time       TEXT NOT NULL,
    update_time       TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_project_parameter__unique_project_parameter_name ON t_ds_project_parameter (project_code, param_name);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_project_parameter__unique_project_parameter_code ON t_ds_project_parameter (code);

CREATE TABLE IF NOT EXISTS t_ds_project_preference (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    code           INTEGER NOT NULL,
    project_code   INTEGER NOT NULL,
    preferences    TEXT NOT NULL,
    user_id        INTEGER,
    state          INTEGER DEFAULT 1,
    create_time    TEXT NOT NULL,
    update_time    TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_project_preference__unique_project_preference_project_code ON t_ds_project_preference (project_code);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_project_preference__unique_project_preference_code ON t_ds_project_preference (code);

CREATE TABLE IF NOT EXISTS t_ds_relation_sub_workflow (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_workflow_instance_id   INTEGER NOT NULL,
    parent_task_code              INTEGER NOT NULL,
    sub_workflow_instance_id      INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS t_ds_relation_sub_workflow__idx_parent_workflow_instance_id ON t_ds_relation_sub_workflow (parent_workflow_instance_id);
CREATE INDEX IF NOT EXISTS t_ds_relation_sub_workflow__idx_parent_task_code ON t_ds_relation_sub_workflow (parent_task_code);
CREATE INDEX IF NOT EXISTS t_ds_relation_sub_workflow__idx_sub_workflow_instance_id ON t_ds_relation_sub_workflow (sub_workflow_instance_id);

CREATE TABLE IF NOT EXISTS t_ds_relation_workflow_instance (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_workflow_instance_id   INTEGER,
    parent_task_instance_id       INTEGER,
    workflow_instance_id          INTEGER
);
CREATE INDEX IF NOT EXISTS t_ds_relation_workflow_instance__idx_parent_workflow_task ON t_ds_relation_workflow_instance (parent_workflow_instance_id, parent_task_instance_id);
CREATE INDEX IF NOT EXISTS t_ds_relation_workflow_instance__idx_workflow_instance_id ON t_ds_relation_workflow_instance (workflow_instance_id);

CREATE TABLE IF NOT EXISTS t_ds_schedules (
    id                           INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_definition_code     INTEGER NOT NULL,
    start_time                   TEXT NOT NULL,
    end_time                     TEXT NOT NULL,
    timezone_id                  TEXT,
    crontab                      TEXT NOT NULL,
    failure_strategy             INTEGER NOT NULL,
    user_id                      INTEGER NOT NULL,
    release_state                INTEGER NOT NULL,
    warning_type                 INTEGER NOT NULL,
    warning_group_id             INTEGER,
    workflow_instance_priority   INTEGER DEFAULT 2,
    worker_group                 TEXT DEFAULT '',
    tenant_code                  TEXT DEFAULT 'default',
    environment_code             INTEGER DEFAULT -1,
    create_time                  TEXT NOT NULL,
    update_time                  TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_schedules__uniq_workflow_definition_code ON t_ds_schedules (workflow_definition_code);

CREATE TABLE IF NOT EXISTS t_ds_serial_command (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_definition_code      INTEGER NOT NULL,
    workflow_definition_version   INTEGER NOT NULL,
    workflow_instance_id          INTEGER NOT NULL,
    state                         INTEGER NOT NULL DEFAULT 0,
    command                       TEXT,
    create_time                   TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    update_time                   TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS t_ds_serial_command__idx_workflow_instance_id ON t_ds_serial_command (workflow_instance_id);

CREATE TABLE IF NOT EXISTS t_ds_task_definition (
    id                        INTEGER PRIMARY KEY AUTOINCREMENT,
    code                      INTEGER NOT NULL,
    name                      TEXT,
    version                   INTEGER NOT NULL DEFAULT 1,
    description               TEXT,
    project_code              INTEGER NOT NULL,
    user_id                   INTEGER,
    task_type                 TEXT NOT NULL,
    task_execute_type         INTEGER DEFAULT 0,
    task_params               TEXT,
    flag                      INTEGER,
    task_priority             INTEGER DEFAULT 2,
    worker_group              TEXT,
    environment_code          INTEGER DEFAULT -1,
    fail_retry_times          INTEGER,
    fail_retry_interval       INTEGER,
    timeout_flag              INTEGER DEFAULT 0,
    timeout_notify_strategy   INTEGER,
    timeout                   INTEGER DEFAULT 0,
    delay_time                INTEGER DEFAULT 0,
    resource_ids              TEXT,
    task_group_id             INTEGER,
    task_group_priority       INTEGER DEFAULT 0,
    cpu_quota                 INTEGER NOT NULL DEFAULT -1,
    memory_max                INTEGER NOT NULL DEFAULT -1,
    create_time               TEXT NOT NULL,
    update_time               TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS t_ds_task_definition__idx_project_code ON t_ds_task_definition (project_code);

CREATE TABLE IF NOT EXISTS t_ds_task_definition_log (
    id                        INTEGER PRIMARY KEY AUTOINCREMENT,
    code                      INTEGER NOT NULL,
    name                      TEXT,
    version                   INTEGER NOT NULL DEFAULT 1,
    description               TEXT,
    project_code              INTEGER NOT NULL,
    user_id                   INTEGER,
    task_type                 TEXT NOT NULL,
    task_execute_type         INTEGER DEFAULT 0,
    task_params               TEXT,
    flag                      INTEGER,
    task_priority             INTEGER DEFAULT 2,
    worker_group              TEXT,
    environment_code          INTEGER DEFAULT -1,
    fail_retry_times          INTEGER,
    fail_retry_interval       INTEGER,
    timeout_flag              INTEGER DEFAULT 0,
    timeout_notify_strategy   INTEGER,
    timeout                   INTEGER DEFAULT 0,
    delay_time                INTEGER DEFAULT 0,
    resource_ids              TEXT,
    operator                  INTEGER,
    task_group_id             INTEGER,
    task_group_priority       INTEGER DEFAULT 0,
    operate_time              TEXT,
    cpu_quota                 INTEGER NOT NULL DEFAULT -1,
    memory_max                INTEGER NOT NULL DEFAULT -1,
    create_time               TEXT NOT NULL,
    update_time               TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS t_ds_task_definition_log__idx_code_version ON t_ds_task_definition_log (code, version);
CREATE INDEX IF NOT EXISTS t_ds_task_definition_log__idx_project_code ON t_ds_task_definition_log (project_code);

CREATE TABLE IF NOT EXISTS t_ds_task_group (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT,
    description    TEXT,
    group_size     INTEGER NOT NULL,
    use_size       INTEGER DEFAULT 0,
    user_id        INTEGER,
    project_code   INTEGER DEFAULT 0,
    status         INTEGER DEFAULT 1,
    create_time    TEXT DEFAULT CURRENT_TIMESTAMP,
    update_time    TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS t_ds_task_group_queue (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id                INTEGER,
    task_name              TEXT,
    group_id               INTEGER,
    workflow_instance_id   INTEGER,
    priority               INTEGER DEFAULT 0,
    status                 INTEGER DEFAULT -1,
    force_start            INTEGER DEFAULT 0,
    in_queue               INTEGER DEFAULT 0,
    create_time            TEXT DEFAULT CURRENT_TIMESTAMP,
    update_time            TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS t_ds_task_group_queue__idx_t_ds_task_group_queue_in_queue ON t_ds_task_group_queue (in_queue);
CREATE INDEX IF NOT EXISTS t_ds_task_group_queue__idx_task_id ON t_ds_task_group_queue (task_id);
CREATE INDEX IF NOT EXISTS t_ds_task_group_queue__idx_group_id ON t_ds_task_group_queue (group_id);
CREATE INDEX IF NOT EXISTS t_ds_task_group_queue__idx_status ON t_ds_task_group_queue (status);
CREATE INDEX IF NOT EXISTS t_ds_task_group_queue__idx_workflow_instance_id ON t_ds_task_group_queue (workflow_instance_id);

CREATE TABLE IF NOT EXISTS t_ds_task_instance (
    id                        INTEGER PRIMARY KEY AUTOINCREMENT,
    name                      TEXT,
    task_type                 TEXT NOT NULL,
    task_execute_type         INTEGER DEFAULT 0,
    task_code                 INTEGER NOT NULL,
    task_definition_version   INTEGER NOT NULL DEFAULT 1,
    workflow_instance_id      INTEGER,
    workflow_instance_name    TEXT,
    project_code              INTEGER,
    state                     INTEGER,
    submit_time               TEXT,
    start_time                TEXT,
    end_time                  TEXT,
    host                      TEXT,
    execute_path              TEXT,
    log_path                  TEXT,
    alert_flag                INTEGER,
    retry_times               INTEGER DEFAULT 0,
    pid                       INTEGER,
    app_link                  TEXT,
    task_params               TEXT,
    flag                      INTEGER DEFAULT 1,
    retry_interval            INTEGER,
    max_retry_times           INTEGER,
    task_instance_priority    INTEGER,
    worker_group              TEXT,
    environment_code          INTEGER DEFAULT -1,
    environment_config        TEXT,
    executor_id               INTEGER,
    executor_name             TEXT,
    first_submit_time         TEXT,
    delay_time                INTEGER DEFAULT 0,
    var_pool                  TEXT,
    task_group_id             INTEGER,
    dry_run                   INTEGER DEFAULT 0,
    cpu_quota                 INTEGER NOT NULL DEFAULT -1,
    memory_max                INTEGER NOT NULL DEFAULT -1
);
CREATE INDEX IF NOT EXISTS t_ds_task_instance__workflow_instance_id ON t_ds_task_instance (workflow_instance_id);
CREATE INDEX IF NOT EXISTS t_ds_task_instance__idx_code_version ON t_ds_task_instance (task_code, task_definition_version);

CREATE TABLE IF NOT EXISTS t_ds_task_instance_context (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    task_instance_id   INTEGER NOT NULL,
    context            TEXT NOT NULL,
    context_type       TEXT NOT NULL,
    create_time        TEXT NOT NULL,
    update_time        TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_task_instance_context__task_instance_id ON t_ds_task_instance_context (task_instance_id, context_type);

CREATE TABLE IF NOT EXISTS t_ds_workflow_definition (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    code               INTEGER NOT NULL,
    name               TEXT,
    version            INTEGER NOT NULL DEFAULT 1,
    description        TEXT,
    project_code       INTEGER NOT NULL,
    release_state      INTEGER,
    user_id            INTEGER,
    global_params      TEXT,
    flag               INTEGER,
    locations          TEXT,
    warning_group_id   INTEGER,
    timeout            INTEGER DEFAULT 0,
    execution_type     INTEGER DEFAULT 0,
    create_time        TEXT NOT NULL,
    update_time        TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_workflow_definition__workflow_unique ON t_ds_workflow_definition (name, project_code);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_workflow_definition__uniq_workflow_definition_code ON t_ds_workflow_definition (code);
CREATE INDEX IF NOT EXISTS t_ds_workflow_definition__idx_project_code ON t_ds_workflow_definition (project_code);

CREATE TABLE IF NOT EXISTS t_ds_workflow_definition_log (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    code               INTEGER NOT NULL,
    name               TEXT,
    version            INTEGER NOT NULL DEFAULT 1,
    description        TEXT,
    project_code       INTEGER NOT NULL,
    release_state      INTEGER,
    user_id            INTEGER,
    global_params      TEXT,
    flag               INTEGER,
    locations          TEXT,
    warning_group_id   INTEGER,
    timeout            INTEGER DEFAULT 0,
    execution_type     INTEGER DEFAULT 0,
    operator           INTEGER,
    operate_time       TEXT,
    create_time        TEXT NOT NULL,
    update_time        TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS t_ds_workflow_definition_log__uniq_idx_code_version ON t_ds_workflow_definition_log (code, version);
CREATE INDEX IF NOT EXISTS t_ds_workflow_definition_log__idx_project_code ON t_ds_workflow_definition_log (project_code);

CREATE TABLE IF NOT EXISTS t_ds_workflow_instance (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    name                          TEXT,
    workflow_definition_code      INTEGER NOT NULL,
    workflow_definition_version   INTEGER NOT NULL DEFAULT 1,
    project_code                  INTEGER,
    state                         INTEGER,
    state_history                 TEXT,
    recovery                      INTEGER,
    start_time                    TEXT,
    end_time                      TEXT,
    run_times                     INTEGER,
    host                          TEXT,
    command_type                  INTEGER,
    command_param                 TEXT,
    task_depend_type              INTEGER,
    max_try_times                 INTEGER DEFAULT 0,
    failure_strategy              INTEGER DEFAULT 0,
    warning_type                  INTEGER DEFAULT 0,
    warning_group_id              INTEGER,
    schedule_time                 TEXT,
    command_start_time            TEXT,
    global_params                 TEXT,
    flag                          INTEGER DEFAULT 1,
    update_time                   TEXT DEFAULT CURRENT_TIMESTAMP,
    is_sub_workflow               INTEGER DEFAULT 0,
    executor_id                   INTEGER NOT NULL,
    executor_name                 TEXT,
    history_cmd                   TEXT,
    workflow_instance_priority    INTEGER DEFAULT 2,
    worker_group                  TEXT,
    environment_code              INTEGER DEFAULT -1,
    timeout                       INTEGER DEFAULT 0,
    tenant_code                   TEXT DEFAULT 'default',
    var_pool                      TEXT,
    dry_run                       INTEGER DEFAULT 0,
    next_workflow_instance_id     INTEGER DEFAULT 0,
    restart_time                  TEXT
);
CREATE INDEX IF NOT EXISTS t_ds_workflow_instance__workflow_instance_index ON t_ds_workflow_instance (workflow_definition_code, id);
CREATE INDEX IF NOT EXISTS t_ds_workflow_instance__start_time_index ON t_ds_workflow_instance (start_time, end_time);

CREATE TABLE IF NOT EXISTS t_ds_workflow_task_lineage (
    id                              INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_definition_code        INTEGER NOT NULL DEFAULT 0,
    workflow_definition_version     INTEGER NOT NULL DEFAULT 0,
    task_definition_code            INTEGER NOT NULL DEFAULT 0,
    task_definition_version         INTEGER NOT NULL DEFAULT 0,
    dept_project_code               INTEGER NOT NULL DEFAULT 0,
    dept_workflow_definition_code   INTEGER NOT NULL DEFAULT 0,
    dept_task_definition_code       INTEGER NOT NULL DEFAULT 0,
    create_time                     TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    update_time                     TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_lineage__idx_workflow_code_version ON t_ds_workflow_task_lineage (workflow_definition_code, workflow_definition_version);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_lineage__idx_task_code_version ON t_ds_workflow_task_lineage (task_definition_code, task_definition_version);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_lineage__idx_dept_code ON t_ds_workflow_task_lineage (dept_project_code, dept_workflow_definition_code, dept_task_definition_code);

CREATE TABLE IF NOT EXISTS t_ds_workflow_task_relation (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    name                          TEXT,
    project_code                  INTEGER NOT NULL,
    workflow_definition_code      INTEGER NOT NULL,
    workflow_definition_version   INTEGER NOT NULL,
    pre_task_code                 INTEGER NOT NULL,
    pre_task_version              INTEGER NOT NULL,
    post_task_code                INTEGER NOT NULL,
    post_task_version             INTEGER NOT NULL,
    condition_type                INTEGER,
    condition_params              TEXT,
    create_time                   TEXT NOT NULL,
    update_time                   TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_relation__idx_code ON t_ds_workflow_task_relation (project_code, workflow_definition_code);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_relation__idx_pre_task_code_version ON t_ds_workflow_task_relation (pre_task_code, pre_task_version);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_relation__idx_post_task_code_version ON t_ds_workflow_task_relation (post_task_code, post_task_version);

CREATE TABLE IF NOT EXISTS t_ds_workflow_task_relation_log (
    id                            INTEGER PRIMARY KEY AUTOINCREMENT,
    name                          TEXT,
    project_code                  INTEGER NOT NULL,
    workflow_definition_code      INTEGER NOT NULL,
    workflow_definition_version   INTEGER NOT NULL,
    pre_task_code                 INTEGER NOT NULL,
    pre_task_version              INTEGER NOT NULL,
    post_task_code                INTEGER NOT NULL,
    post_task_version             INTEGER NOT NULL,
    condition_type                INTEGER,
    condition_params              TEXT,
    operator                      INTEGER,
    operate_time                  TEXT,
    create_time                   TEXT NOT NULL,
    update_time                   TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS t_ds_workflow_task_relation_log__idx_workflow_code_version ON t_ds_workflow_task_relation_log (workflow_definition_code, workflow_definition_version);
