//! The shared tables whose rows are decoded, as diesel knows them. A test compares this file with a live database.
//!
//! Small integers are `Integer`: MySQL decodes any width into it.

diesel::table! {
    t_ds_command (id) {
        id -> Integer,
        command_type -> Nullable<Integer>,
        workflow_definition_code -> BigInt,
        workflow_definition_version -> Nullable<Integer>,
        workflow_instance_id -> Nullable<Integer>,
        command_param -> Nullable<Text>,
        task_depend_type -> Nullable<Integer>,
        failure_strategy -> Nullable<Integer>,
        warning_type -> Nullable<Integer>,
        warning_group_id -> Nullable<Integer>,
        schedule_time -> Nullable<Timestamp>,
        start_time -> Nullable<Timestamp>,
        executor_id -> Nullable<Integer>,
        update_time -> Nullable<Timestamp>,
        workflow_instance_priority -> Nullable<Integer>,
        worker_group -> Nullable<Text>,
        tenant_code -> Nullable<Text>,
        environment_code -> Nullable<BigInt>,
        dry_run -> Nullable<Integer>,
    }
}

diesel::table! {
    t_ds_project (id) {
        id -> Integer,
        name -> Nullable<Text>,
        code -> BigInt,
        description -> Nullable<Text>,
        user_id -> Nullable<Integer>,
        flag -> Nullable<Integer>,
        create_time -> Timestamp,
        update_time -> Nullable<Timestamp>,
    }
}

diesel::table! {
    t_ds_task_definition_log (id) {
        id -> Integer,
        code -> BigInt,
        name -> Nullable<Text>,
        version -> Integer,
        description -> Nullable<Text>,
        project_code -> BigInt,
        user_id -> Nullable<Integer>,
        task_type -> Text,
        task_execute_type -> Nullable<Integer>,
        task_params -> Nullable<Text>,
        flag -> Nullable<Integer>,
        task_priority -> Nullable<Integer>,
        worker_group -> Nullable<Text>,
        environment_code -> Nullable<BigInt>,
        fail_retry_times -> Nullable<Integer>,
        fail_retry_interval -> Nullable<Integer>,
        timeout_flag -> Nullable<Integer>,
        timeout_notify_strategy -> Nullable<Integer>,
        timeout -> Nullable<Integer>,
        delay_time -> Nullable<Integer>,
        resource_ids -> Nullable<Text>,
        operator -> Nullable<Integer>,
        task_group_id -> Nullable<Integer>,
        task_group_priority -> Nullable<Integer>,
        operate_time -> Nullable<Timestamp>,
        cpu_quota -> Integer,
        memory_max -> Integer,
        create_time -> Timestamp,
        update_time -> Timestamp,
    }
}

diesel::table! {
    t_ds_task_instance (id) {
        id -> Integer,
        name -> Nullable<Text>,
        task_type -> Text,
        task_execute_type -> Nullable<Integer>,
        task_code -> BigInt,
        task_definition_version -> Integer,
        workflow_instance_id -> Nullable<Integer>,
        workflow_instance_name -> Nullable<Text>,
        project_code -> Nullable<BigInt>,
        state -> Nullable<Integer>,
        submit_time -> Nullable<Timestamp>,
        start_time -> Nullable<Timestamp>,
        end_time -> Nullable<Timestamp>,
        host -> Nullable<Text>,
        execute_path -> Nullable<Text>,
        log_path -> Nullable<Text>,
        alert_flag -> Nullable<Integer>,
        retry_times -> Nullable<Integer>,
        pid -> Nullable<Integer>,
        app_link -> Nullable<Text>,
        task_params -> Nullable<Text>,
        flag -> Nullable<Integer>,
        retry_interval -> Nullable<Integer>,
        max_retry_times -> Nullable<Integer>,
        task_instance_priority -> Nullable<Integer>,
        worker_group -> Nullable<Text>,
        environment_code -> Nullable<BigInt>,
        environment_config -> Nullable<Text>,
        executor_id -> Nullable<Integer>,
        executor_name -> Nullable<Text>,
        first_submit_time -> Nullable<Timestamp>,
        delay_time -> Nullable<Integer>,
        var_pool -> Nullable<Text>,
        task_group_id -> Nullable<Integer>,
        dry_run -> Nullable<Integer>,
        cpu_quota -> Integer,
        memory_max -> Integer,
    }
}

diesel::table! {
    t_ds_workflow_instance (id) {
        id -> Integer,
        name -> Nullable<Text>,
        workflow_definition_code -> BigInt,
        workflow_definition_version -> Integer,
        project_code -> Nullable<BigInt>,
        state -> Nullable<Integer>,
        state_history -> Nullable<Text>,
        recovery -> Nullable<Integer>,
        start_time -> Nullable<Timestamp>,
        end_time -> Nullable<Timestamp>,
        run_times -> Nullable<Integer>,
        host -> Nullable<Text>,
        command_type -> Nullable<Integer>,
        command_param -> Nullable<Text>,
        task_depend_type -> Nullable<Integer>,
        max_try_times -> Nullable<Integer>,
        failure_strategy -> Nullable<Integer>,
        warning_type -> Nullable<Integer>,
        warning_group_id -> Nullable<Integer>,
        schedule_time -> Nullable<Timestamp>,
        command_start_time -> Nullable<Timestamp>,
        global_params -> Nullable<Text>,
        flag -> Nullable<Integer>,
        update_time -> Nullable<Timestamp>,
        is_sub_workflow -> Nullable<Integer>,
        executor_id -> Integer,
        executor_name -> Nullable<Text>,
        history_cmd -> Nullable<Text>,
        workflow_instance_priority -> Nullable<Integer>,
        worker_group -> Nullable<Text>,
        environment_code -> Nullable<BigInt>,
        timeout -> Nullable<Integer>,
        tenant_code -> Nullable<Text>,
        var_pool -> Nullable<Text>,
        dry_run -> Nullable<Integer>,
        next_workflow_instance_id -> Nullable<Integer>,
        restart_time -> Nullable<Timestamp>,
    }
}

diesel::table! {
    t_ds_workflow_task_relation_log (id) {
        id -> Integer,
        name -> Nullable<Text>,
        project_code -> BigInt,
        workflow_definition_code -> BigInt,
        workflow_definition_version -> Integer,
        pre_task_code -> BigInt,
        pre_task_version -> Integer,
        post_task_code -> BigInt,
        post_task_version -> Integer,
        condition_type -> Nullable<Integer>,
        condition_params -> Nullable<Text>,
        operator -> Nullable<Integer>,
        operate_time -> Nullable<Timestamp>,
        create_time -> Timestamp,
        update_time -> Timestamp,
    }
}

diesel::table! {
    t_ds_workflow_definition (id) {
        id -> Integer,
        code -> BigInt,
        name -> Nullable<Text>,
        version -> Integer,
        project_code -> BigInt,
    }
}
