-- DolphinScheduler 3.4.2 on MySQL or MariaDB: workflows, tasks, commands, projects.
--
-- Names, types, defaults and keys are those of the product, so that its API server, workers and masters can share the
-- database. Every statement may run again: an interrupted run is finished by the next start.

CREATE TABLE IF NOT EXISTS `t_ds_command` (
    `id`                          int(11) NOT NULL AUTO_INCREMENT,
    `command_type`                tinyint(4),
    `workflow_definition_code`    bigint(20) NOT NULL,
    `workflow_definition_version` int(11) DEFAULT 0,
    `workflow_instance_id`        int(11) DEFAULT 0,
    `command_param`               text,
    `task_depend_type`            tinyint(4),
    `failure_strategy`            tinyint(4) DEFAULT 0,
    `warning_type`                tinyint(4) DEFAULT 0,
    `warning_group_id`            int(11),
    `schedule_time`               datetime,
    `start_time`                  datetime,
    `executor_id`                 int(11),
    `update_time`                 datetime,
    `workflow_instance_priority`  int(11) DEFAULT 2,
    `worker_group`                varchar(255),
    `tenant_code`                 varchar(64) DEFAULT 'default',
    `environment_code`            bigint(20) DEFAULT -1,
    `dry_run`                     tinyint(4) DEFAULT 0,
    PRIMARY KEY (`id`),
    KEY `priority_id_index` (`workflow_instance_priority`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_error_command` (
    `id`                          int(11) NOT NULL,
    `command_type`                tinyint(4),
    `executor_id`                 int(11),
    `workflow_definition_code`    bigint(20) NOT NULL,
    `workflow_definition_version` int(11) DEFAULT 0,
    `workflow_instance_id`        int(11) DEFAULT 0,
    `command_param`               text,
    `task_depend_type`            tinyint(4),
    `failure_strategy`            tinyint(4) DEFAULT 0,
    `warning_type`                tinyint(4) DEFAULT 0,
    `warning_group_id`            int(11),
    `schedule_time`               datetime,
    `start_time`                  datetime,
    `update_time`                 datetime,
    `workflow_instance_priority`  int(11) DEFAULT 2,
    `worker_group`                varchar(255),
    `tenant_code`                 varchar(64) DEFAULT 'default',
    `environment_code`            bigint(20) DEFAULT -1,
    `message`                     text,
    `dry_run`                     tinyint(4) DEFAULT 0,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_fav_task` (
    `id`        bigint NOT NULL AUTO_INCREMENT,
    `task_type` varchar(64) NOT NULL,
    `user_id`   int NOT NULL,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_project` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `name`        varchar(255),
    `code`        bigint(20) NOT NULL,
    `description` varchar(255),
    `user_id`     int(11),
    `flag`        tinyint(4) DEFAULT 1,
    `create_time` datetime NOT NULL,
    `update_time` datetime,
    PRIMARY KEY (`id`),
    KEY `user_id_index` (`user_id`),
    UNIQUE KEY `unique_name` (`name`),
    UNIQUE KEY `unique_code` (`code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_project_parameter` (
    `id`              int(11) NOT NULL AUTO_INCREMENT,
    `param_name`      varchar(255) NOT NULL,
    `param_value`     text NOT NULL,
    `param_data_type` varchar(50) DEFAULT 'VARCHAR',
    `code`            bigint(20) NOT NULL,
    `project_code`    bigint(20) NOT NULL,
    `user_id`         int(11),
    `operator`        int(11),
    `create_time`     datetime NOT NULL,
    `update_time`     datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `unique_project_parameter_name` (`project_code`, `param_name`),
    UNIQUE KEY `unique_project_parameter_code` (`code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_project_preference` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `code`         bigint(20) NOT NULL,
    `project_code` bigint(20) NOT NULL,
    `preferences`  varchar(512) NOT NULL,
    `user_id`      int(11),
    `state`        int(11) DEFAULT 1,
    `create_time`  datetime NOT NULL,
    `update_time`  datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `unique_project_preference_project_code` (`project_code`),
    UNIQUE KEY `unique_project_preference_code` (`code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_sub_workflow` (
    `id`                          bigint NOT NULL AUTO_INCREMENT,
    `parent_workflow_instance_id` bigint NOT NULL,
    `parent_task_code`            bigint NOT NULL,
    `sub_workflow_instance_id`    bigint NOT NULL,
    PRIMARY KEY (`id`),
    KEY `idx_parent_workflow_instance_id` (`parent_workflow_instance_id`),
    KEY `idx_parent_task_code` (`parent_task_code`),
    KEY `idx_sub_workflow_instance_id` (`sub_workflow_instance_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_workflow_instance` (
    `id`                          int(11) NOT NULL AUTO_INCREMENT,
    `parent_workflow_instance_id` int(11),
    `parent_task_instance_id`     int(11),
    `workflow_instance_id`        int(11),
    PRIMARY KEY (`id`),
    KEY `idx_parent_workflow_task` (`parent_workflow_instance_id`, `parent_task_instance_id`),
    KEY `idx_workflow_instance_id` (`workflow_instance_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_schedules` (
    `id`                         int(11) NOT NULL AUTO_INCREMENT,
    `workflow_definition_code`   bigint(20) NOT NULL,
    `start_time`                 datetime NOT NULL,
    `end_time`                   datetime NOT NULL,
    `timezone_id`                varchar(40),
    `crontab`                    varchar(255) NOT NULL,
    `failure_strategy`           tinyint(4) NOT NULL,
    `user_id`                    int(11) NOT NULL,
    `release_state`              tinyint(4) NOT NULL,
    `warning_type`               tinyint(4) NOT NULL,
    `warning_group_id`           int(11),
    `workflow_instance_priority` int(11) DEFAULT 2,
    `worker_group`               varchar(255) DEFAULT '',
    `tenant_code`                varchar(64) DEFAULT 'default',
    `environment_code`           bigint(20) DEFAULT -1,
    `create_time`                datetime NOT NULL,
    `update_time`                datetime NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_workflow_definition_code` (`workflow_definition_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_serial_command` (
    `id`                          int(11) NOT NULL AUTO_INCREMENT,
    `workflow_definition_code`    bigint(20) NOT NULL,
    `workflow_definition_version` int(11) NOT NULL,
    `workflow_instance_id`        bigint(20) NOT NULL,
    `state`                       tinyint(4) NOT NULL DEFAULT 0,
    `command`                     text,
    `create_time`                 timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`                 timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    KEY `idx_workflow_instance_id` (`workflow_instance_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_task_definition` (
    `id`                      int(11) NOT NULL AUTO_INCREMENT,
    `code`                    bigint(20) NOT NULL,
    `name`                    varchar(255),
    `version`                 int(11) NOT NULL DEFAULT 1,
    `description`             text,
    `project_code`            bigint(20) NOT NULL,
    `user_id`                 int(11),
    `task_type`               varchar(50) NOT NULL,
    `task_execute_type`       int(11) DEFAULT 0,
    `task_params`             longtext,
    `flag`                    tinyint(2),
    `task_priority`           tinyint(4) DEFAULT 2,
    `worker_group`            varchar(255),
    `environment_code`        bigint(20) DEFAULT -1,
    `fail_retry_times`        int(11),
    `fail_retry_interval`     int(11),
    `timeout_flag`            tinyint(2) DEFAULT 0,
    `timeout_notify_strategy` tinyint(4),
    `timeout`                 int(11) DEFAULT 0,
    `delay_time`              int(11) DEFAULT 0,
    `resource_ids`            text,
    `task_group_id`           int(11),
    `task_group_priority`     tinyint(4) DEFAULT 0,
    `cpu_quota`               int(11) NOT NULL DEFAULT -1,
    `memory_max`              int(11) NOT NULL DEFAULT -1,
    `create_time`             datetime NOT NULL,
    `update_time`             datetime NOT NULL,
    PRIMARY KEY (`id`, `code`),
    KEY `idx_project_code` (`project_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_task_definition_log` (
    `id`                      int(11) NOT NULL AUTO_INCREMENT,
    `code`                    bigint(20) NOT NULL,
    `name`                    varchar(255),
    `version`                 int(11) NOT NULL DEFAULT 1,
    `description`             text,
    `project_code`            bigint(20) NOT NULL,
    `user_id`                 int(11),
    `task_type`               varchar(50) NOT NULL,
    `task_execute_type`       int(11) DEFAULT 0,
    `task_params`             longtext,
    `flag`                    tinyint(2),
    `task_priority`           tinyint(4) DEFAULT 2,
    `worker_group`            varchar(255),
    `environment_code`        bigint(20) DEFAULT -1,
    `fail_retry_times`        int(11),
    `fail_retry_interval`     int(11),
    `timeout_flag`            tinyint(2) DEFAULT 0,
    `timeout_notify_strategy` tinyint(4),
    `timeout`                 int(11) DEFAULT 0,
    `delay_time`              int(11) DEFAULT 0,
    `resource_ids`            text,
    `operator`                int(11),
    `task_group_id`           int(11),
    `task_group_priority`     tinyint(4) DEFAULT 0,
    `operate_time`            datetime,
    `cpu_quota`               int(11) NOT NULL DEFAULT -1,
    `memory_max`              int(11) NOT NULL DEFAULT -1,
    `create_time`             datetime NOT NULL,
    `update_time`             datetime NOT NULL,
    PRIMARY KEY (`id`),
    KEY `idx_code_version` (`code`, `version`),
    KEY `idx_project_code` (`project_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_task_group` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `name`         varchar(255),
    `description`  varchar(255),
    `group_size`   int(11) NOT NULL,
    `use_size`     int(11) DEFAULT 0,
    `user_id`      int(11),
    `project_code` bigint(20) DEFAULT 0,
    `status`       tinyint(4) DEFAULT 1,
    `create_time`  timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`  timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_task_group_queue` (
    `id`                   int(11) NOT NULL AUTO_INCREMENT,
    `task_id`              int(11),
    `task_name`            varchar(255),
    `group_id`             int(11),
    `workflow_instance_id` int(11),
    `priority`             int(8) DEFAULT 0,
    `status`               tinyint(4) DEFAULT -1,
    `force_start`          tinyint(4) DEFAULT 0,
    `in_queue`             tinyint(4) DEFAULT 0,
    `create_time`          timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`          timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    KEY `idx_t_ds_task_group_queue_in_queue` (`in_queue`),
    KEY `idx_task_id` (`task_id`),
    KEY `idx_group_id` (`group_id`),
    KEY `idx_status` (`status`),
    KEY `idx_workflow_instance_id` (`workflow_instance_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_task_instance` (
    `id`                      int(11) NOT NULL AUTO_INCREMENT,
    `name`                    varchar(255),
    `task_type`               varchar(50) NOT NULL,
    `task_execute_type`       int(11) DEFAULT 0,
    `task_code`               bigint(20) NOT NULL,
    `task_definition_version` int(11) NOT NULL DEFAULT 1,
    `workflow_instance_id`    int(11),
    `workflow_instance_name`  varchar(255),
    `project_code`            bigint(20),
    `state`                   tinyint(4),
    `submit_time`             datetime,
    `start_time`              datetime,
    `end_time`                datetime,
    `host`                    varchar(135),
    `execute_path`            varchar(200),
    `log_path`                longtext,
    `alert_flag`              tinyint(4),
    `retry_times`             int(4) DEFAULT 0,
    `pid`                     int(4),
    `app_link`                text,
    `task_params`             longtext,
    `flag`                    tinyint(4) DEFAULT 1,
    `retry_interval`          int(4),
    `max_retry_times`         int(2),
    `task_instance_priority`  int(11),
    `worker_group`            varchar(255),
    `environment_code`        bigint(20) DEFAULT -1,
    `environment_config`      text,
    `executor_id`             int(11),
    `executor_name`           varchar(64),
    `first_submit_time`       datetime,
    `delay_time`              int(4) DEFAULT 0,
    `var_pool`                longtext,
    `task_group_id`           int(11),
    `dry_run`                 tinyint(4) DEFAULT 0,
    `cpu_quota`               int(11) NOT NULL DEFAULT -1,
    `memory_max`              int(11) NOT NULL DEFAULT -1,
    PRIMARY KEY (`id`),
    KEY `workflow_instance_id` (`workflow_instance_id`),
    KEY `idx_code_version` (`task_code`, `task_definition_version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_task_instance_context` (
    `id`               int(11) NOT NULL AUTO_INCREMENT,
    `task_instance_id` int(11) NOT NULL,
    `context`          text NOT NULL,
    `context_type`     varchar(200) NOT NULL,
    `create_time`      datetime NOT NULL,
    `update_time`      datetime NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `task_instance_id` (`task_instance_id`, `context_type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_workflow_definition` (
    `id`               int(11) NOT NULL AUTO_INCREMENT,
    `code`             bigint(20) NOT NULL,
    `name`             varchar(255),
    `version`          int(11) NOT NULL DEFAULT 1,
    `description`      text,
    `project_code`     bigint(20) NOT NULL,
    `release_state`    tinyint(4),
    `user_id`          int(11),
    `global_params`    text,
    `flag`             tinyint(4),
    `locations`        text,
    `warning_group_id` int(11),
    `timeout`          int(11) DEFAULT 0,
    `execution_type`   tinyint(4) DEFAULT 0,
    `create_time`      datetime NOT NULL,
    `update_time`      datetime NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `workflow_unique` (`name`, `project_code`),
    UNIQUE KEY `uniq_workflow_definition_code` (`code`),
    KEY `idx_project_code` (`project_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_workflow_definition_log` (
    `id`               int(11) NOT NULL AUTO_INCREMENT,
    `code`             bigint(20) NOT NULL,
    `name`             varchar(255),
    `version`          int(11) NOT NULL DEFAULT 1,
    `description`      text,
    `project_code`     bigint(20) NOT NULL,
    `release_state`    tinyint(4),
    `user_id`          int(11),
    `global_params`    text,
    `flag`             tinyint(4),
    `locations`        text,
    `warning_group_id` int(11),
    `timeout`          int(11) DEFAULT 0,
    `execution_type`   tinyint(4) DEFAULT 0,
    `operator`         int(11),
    `operate_time`     datetime,
    `create_time`      datetime NOT NULL,
    `update_time`      datetime NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_idx_code_version` (`code`, `version`),
    KEY `idx_project_code` (`project_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_workflow_instance` (
    `id`                          int(11) NOT NULL AUTO_INCREMENT,
    `name`                        varchar(255),
    `workflow_definition_code`    bigint(20) NOT NULL,
    `workflow_definition_version` int(11) NOT NULL DEFAULT 1,
    `project_code`                bigint(20),
    `state`                       tinyint(4),
    `state_history`               text,
    `recovery`                    tinyint(4),
    `start_time`                  datetime,
    `end_time`                    datetime,
    `run_times`                   int(11),
    `host`                        varchar(135),
    `command_type`                tinyint(4),
    `command_param`               text,
    `task_depend_type`            tinyint(4),
    `max_try_times`               tinyint(4) DEFAULT 0,
    `failure_strategy`            tinyint(4) DEFAULT 0,
    `warning_type`                tinyint(4) DEFAULT 0,
    `warning_group_id`            int(11),
    `schedule_time`               datetime,
    `command_start_time`          datetime,
    `global_params`               text,
    `flag`                        tinyint(4) DEFAULT 1,
    `update_time`                 timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    `is_sub_workflow`             int(11) DEFAULT 0,
    `executor_id`                 int(11) NOT NULL,
    `executor_name`               varchar(64),
    `history_cmd`                 text,
    `workflow_instance_priority`  int(11) DEFAULT 2,
    `worker_group`                varchar(255),
    `environment_code`            bigint(20) DEFAULT -1,
    `timeout`                     int(11) DEFAULT 0,
    `tenant_code`                 varchar(64) DEFAULT 'default',
    `var_pool`                    longtext,
    `dry_run`                     tinyint(4) DEFAULT 0,
    `next_workflow_instance_id`   int(11) DEFAULT 0,
    `restart_time`                datetime,
    PRIMARY KEY (`id`),
    KEY `workflow_instance_index` (`workflow_definition_code`, `id`),
    KEY `start_time_index` (`start_time`, `end_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_workflow_task_lineage` (
    `id`                            int NOT NULL AUTO_INCREMENT,
    `workflow_definition_code`      bigint NOT NULL DEFAULT 0,
    `workflow_definition_version`   int NOT NULL DEFAULT 0,
    `task_definition_code`          bigint NOT NULL DEFAULT 0,
    `task_definition_version`       int NOT NULL DEFAULT 0,
    `dept_project_code`             bigint NOT NULL DEFAULT 0,
    `dept_workflow_definition_code` bigint NOT NULL DEFAULT 0,
    `dept_task_definition_code`     bigint NOT NULL DEFAULT 0,
    `create_time`                   datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`                   datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    KEY `idx_workflow_code_version` (`workflow_definition_code`, `workflow_definition_version`),
    KEY `idx_task_code_version` (`task_definition_code`, `task_definition_version`),
    KEY `idx_dept_code` (`dept_project_code`, `dept_workflow_definition_code`, `dept_task_definition_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_workflow_task_relation` (
    `id`                          int(11) NOT NULL AUTO_INCREMENT,
    `name`                        varchar(255),
    `project_code`                bigint(20) NOT NULL,
    `workflow_definition_code`    bigint(20) NOT NULL,
    `workflow_definition_version` int(11) NOT NULL,
    `pre_task_code`               bigint(20) NOT NULL,
    `pre_task_version`            int(11) NOT NULL,
    `post_task_code`              bigint(20) NOT NULL,
    `post_task_version`           int(11) NOT NULL,
    `condition_type`              tinyint(2),
    `condition_params`            text,
    `create_time`                 datetime NOT NULL,
    `update_time`                 datetime NOT NULL,
    PRIMARY KEY (`id`),
    KEY `idx_code` (`project_code`, `workflow_definition_code`),
    KEY `idx_pre_task_code_version` (`pre_task_code`, `pre_task_version`),
    KEY `idx_post_task_code_version` (`post_task_code`, `post_task_version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_workflow_task_relation_log` (
    `id`                          int(11) NOT NULL AUTO_INCREMENT,
    `name`                        varchar(255),
    `project_code`                bigint(20) NOT NULL,
    `workflow_definition_code`    bigint(20) NOT NULL,
    `workflow_definition_version` int(11) NOT NULL,
    `pre_task_code`               bigint(20) NOT NULL,
    `pre_task_version`            int(11) NOT NULL,
    `post_task_code`              bigint(20) NOT NULL,
    `post_task_version`           int(11) NOT NULL,
    `condition_type`              tinyint(2),
    `condition_params`            text,
    `operator`                    int(11),
    `operate_time`                datetime,
    `create_time`                 datetime NOT NULL,
    `update_time`                 datetime NOT NULL,
    PRIMARY KEY (`id`),
    KEY `idx_workflow_code_version` (`workflow_definition_code`, `workflow_definition_version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;
