-- The rows a new database starts with. The version row comes last: it says that the rest is complete.

INSERT IGNORE INTO t_ds_queue (id, queue_name, queue) VALUES (1, 'default', 'default');
INSERT IGNORE INTO t_ds_tenant (id, tenant_code, description, queue_id, create_time, update_time)
VALUES (-1, 'default', 'default tenant', 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP);
INSERT IGNORE INTO t_ds_user (id, user_name, user_password, user_type, email, phone, tenant_id, create_time, update_time, state)
VALUES (1, 'admin', '7ad2410b2f4c074479a8937a28a22b8f', 0, 'xxx@qq.com', '', -1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 1);
INSERT IGNORE INTO t_ds_alertgroup (id, create_user_id, group_name, description, create_time, update_time)
VALUES (1, 1, 'default admin warning group', 'default admin warning group', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP);
INSERT IGNORE INTO t_ds_version (id, version) VALUES (1, '3.4.2');
