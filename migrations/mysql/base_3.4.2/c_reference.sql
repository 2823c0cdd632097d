-- DolphinScheduler 3.4.2 on MySQL or MariaDB: people, resources and everything else a run refers to.
--
-- Names, types, defaults and keys are those of the product, so that its API server, workers and masters can share the
-- database. Every statement may run again: an interrupted run is finished by the next start.

CREATE TABLE IF NOT EXISTS `t_ds_access_token` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `user_id`     int(11),
    `token`       varchar(64),
    `expire_time` datetime,
    `create_time` datetime,
    `update_time` datetime,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_alert` (
    `id`                       int(11) NOT NULL AUTO_INCREMENT,
    `title`                    varchar(512),
    `sign`                     char(40) NOT NULL DEFAULT '',
    `content`                  text,
    `alert_status`             tinyint(4) DEFAULT 0,
    `warning_type`             tinyint(4) DEFAULT 2,
    `log`                      text,
    `alertgroup_id`            int(11),
    `create_time`              datetime,
    `update_time`              datetime,
    `project_code`             bigint(20),
    `workflow_definition_code` bigint(20),
    `workflow_instance_id`     int(11),
    `alert_type`               int(11),
    PRIMARY KEY (`id`),
    KEY `idx_status` (`alert_status`),
    KEY `idx_sign` (`sign`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_alert_plugin_instance` (
    `id`                     int NOT NULL AUTO_INCREMENT,
    `plugin_define_id`       int NOT NULL,
    `plugin_instance_params` text,
    `create_time`            timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`            timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    `instance_name`          varchar(255),
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_alert_send_status` (
    `id`                       int(11) NOT NULL AUTO_INCREMENT,
    `alert_id`                 int(11) NOT NULL,
    `alert_plugin_instance_id` int(11) NOT NULL,
    `send_status`              tinyint(4) DEFAULT 0,
    `log`                      text,
    `create_time`              datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `alert_send_status_unique` (`alert_id`, `alert_plugin_instance_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_alertgroup` (
    `id`                 int(11) NOT NULL AUTO_INCREMENT,
    `alert_instance_ids` varchar(255),
    `create_user_id`     int(11),
    `group_name`         varchar(255),
    `description`        varchar(255),
    `create_time`        datetime,
    `update_time`        datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `t_ds_alertgroup_name_un` (`group_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_audit_log` (
    `id`             bigint(11) NOT NULL AUTO_INCREMENT,
    `user_id`        int(11) NOT NULL,
    `model_id`       bigint(20),
    `model_name`     varchar(100),
    `model_type`     varchar(100) NOT NULL,
    `operation_type` varchar(100) NOT NULL,
    `description`    varchar(100),
    `latency`        int(11),
    `detail`         varchar(100),
    `create_time`    datetime DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_cluster` (
    `id`          bigint(11) NOT NULL AUTO_INCREMENT,
    `code`        bigint(20),
    `name`        varchar(255) NOT NULL,
    `config`      text,
    `description` text,
    `operator`    int(11),
    `create_time` timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    UNIQUE KEY `cluster_name_unique` (`name`),
    UNIQUE KEY `cluster_code_unique` (`code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_datasource` (
    `id`                int(11) NOT NULL AUTO_INCREMENT,
    `name`              varchar(64) NOT NULL,
    `note`              varchar(255),
    `type`              tinyint(4) NOT NULL,
    `user_id`           int(11) NOT NULL,
    `connection_params` text NOT NULL,
    `create_time`       datetime NOT NULL,
    `update_time`       datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `t_ds_datasource_name_un` (`name`, `type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_environment` (
    `id`          bigint(11) NOT NULL AUTO_INCREMENT,
    `code`        bigint(20),
    `name`        varchar(255) NOT NULL,
    `config`      text,
    `description` text,
    `operator`    int(11),
    `create_time` timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    UNIQUE KEY `environment_name_unique` (`name`),
    UNIQUE KEY `environment_code_unique` (`code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_environment_worker_group_relation` (
    `id`               bigint(11) NOT NULL AUTO_INCREMENT,
    `environment_code` bigint(20) NOT NULL,
    `worker_group`     varchar(255) NOT NULL,
    `operator`         int(11),
    `create_time`      timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`      timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    UNIQUE KEY `environment_worker_group_unique` (`environment_code`, `worker_group`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_k8s` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `k8s_name`    varchar(255),
    `k8s_config`  text,
    `create_time` datetime,
    `update_time` datetime,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_k8s_namespace` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `code`         bigint(20) NOT NULL DEFAULT 0,
    `namespace`    varchar(255),
    `user_id`      int(11),
    `cluster_code` bigint(20) NOT NULL DEFAULT 0,
    `create_time`  datetime,
    `update_time`  datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `k8s_namespace_unique` (`namespace`, `cluster_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_plugin_define` (
    `id`            int NOT NULL AUTO_INCREMENT,
    `plugin_name`   varchar(255) NOT NULL,
    `plugin_type`   varchar(63) NOT NULL,
    `plugin_params` text,
    `create_time`   timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    `update_time`   timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    PRIMARY KEY (`id`),
    UNIQUE KEY `t_ds_plugin_define_UN` (`plugin_name`, `plugin_type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_queue` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `queue_name`  varchar(64),
    `queue`       varchar(64),
    `create_time` datetime,
    `update_time` datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `unique_queue_name` (`queue_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_datasource_user` (
    `id`            int(11) NOT NULL AUTO_INCREMENT,
    `user_id`       int(11) NOT NULL,
    `datasource_id` int(11),
    `perm`          int(11) DEFAULT 1,
    `create_time`   datetime,
    `update_time`   datetime,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_namespace_user` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `user_id`      int(11) NOT NULL,
    `namespace_id` int(11),
    `perm`         int(11) DEFAULT 1,
    `create_time`  datetime,
    `update_time`  datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `namespace_user_unique` (`user_id`, `namespace_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_project_user` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `user_id`     int(11) NOT NULL,
    `project_id`  int(11),
    `perm`        int(11) DEFAULT 1,
    `create_time` datetime,
    `update_time` datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `uniq_uid_pid` (`user_id`, `project_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_project_worker_group` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `project_code` bigint(20) NOT NULL,
    `worker_group` varchar(255),
    `create_time`  datetime,
    `update_time`  datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `unique_project_worker_group` (`project_code`, `worker_group`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_resources_user` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `user_id`      int(11) NOT NULL,
    `resources_id` int(11),
    `perm`         int(11) DEFAULT 1,
    `create_time`  datetime,
    `update_time`  datetime,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_relation_udfs_user` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `user_id`     int(11) NOT NULL,
    `udf_id`      int(11),
    `perm`        int(11) DEFAULT 1,
    `create_time` datetime,
    `update_time` datetime,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_resources` (
    `id`           int(11) NOT NULL AUTO_INCREMENT,
    `alias`        varchar(64),
    `file_name`    varchar(64),
    `description`  varchar(255),
    `user_id`      int(11),
    `type`         tinyint(4),
    `size`         bigint(20),
    `create_time`  datetime,
    `update_time`  datetime,
    `pid`          int(11),
    `full_name`    varchar(128),
    `is_directory` tinyint(4),
    PRIMARY KEY (`id`),
    UNIQUE KEY `t_ds_resources_un` (`full_name`, `type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_session` (
    `id`              varchar(64) NOT NULL,
    `user_id`         int(11),
    `ip`              varchar(45),
    `last_login_time` datetime,
    PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_tenant` (
    `id`          int(11) NOT NULL AUTO_INCREMENT,
    `tenant_code` varchar(64),
    `description` varchar(255),
    `queue_id`    int(11),
    `create_time` datetime,
    `update_time` datetime,
    PRIMARY KEY (`id`),
    UNIQUE KEY `unique_tenant_code` (`tenant_code`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_udfs` (
    `id`            int(11) NOT NULL AUTO_INCREMENT,
    `user_id`       int(11) NOT NULL,
    `func_name`     varchar(255) NOT NULL,
    `class_name`    varchar(255) NOT NULL,
    `type`          tinyint(4) NOT NULL,
    `arg_types`     varchar(255),
    `database`      varchar(255),
    `description`   varchar(255),
    `resource_id`   int(11) NOT NULL,
    `resource_name` varchar(255) NOT NULL,
    `create_time`   datetime NOT NULL,
    `update_time`   datetime NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `unique_func_name` (`func_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_user` (
    `id`            int(11) NOT NULL AUTO_INCREMENT,
    `user_name`     varchar(64),
    `user_password` varchar(64),
    `user_type`     tinyint(4),
    `email`         varchar(64),
    `phone`         varchar(11),
    `tenant_id`     int(11) DEFAULT -1,
    `create_time`   datetime,
    `update_time`   datetime,
    `queue`         varchar(64),
    `state`         tinyint(4) DEFAULT 1,
    `time_zone`     varchar(32),
    PRIMARY KEY (`id`),
    UNIQUE KEY `user_name_unique` (`user_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_version` (
    `id`      int(11) NOT NULL AUTO_INCREMENT,
    `version` varchar(63) NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `version_UNIQUE` (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;

CREATE TABLE IF NOT EXISTS `t_ds_worker_group` (
    `id`          bigint(11) NOT NULL AUTO_INCREMENT,
    `name`        varchar(255) NOT NULL,
    `addr_list`   text,
    `create_time` datetime,
    `update_time` datetime,
    `description` text,
    PRIMARY KEY (`id`),
    UNIQUE KEY `name_unique` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_bin;
