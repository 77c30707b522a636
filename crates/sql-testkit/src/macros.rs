//! The `#[test]`s of a group.

/// Makes a test of each body in a module.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    ($module:ident, $database:ty, [$($name:ident),* $(,)?]) => {
        $(
            #[test]
            fn $name() {
                $crate::$module::$name::<$database>();
            }
        )*
    };
}

/// Rows, checkpoint and dead letters are one.
#[macro_export]
macro_rules! exactly_once {
    ($database:ty) => {
        $crate::tests_of!(
            exactly_once,
            $database,
            [
                a_killed_run_goes_on_from_the_checkpoint_that_stands_beside_the_rows,
                a_run_that_is_killed_at_any_moment_loses_and_doubles_nothing,
                a_run_that_was_overtaken_cannot_commit_any_more,
                rows_that_the_database_refuses_are_found_and_told_in_its_own_words,
                a_partition_is_written_under_its_lease_and_an_older_lease_is_fenced,
                what_a_person_has_set_takes_the_place_of_what_is_stored,
                a_database_of_an_earlier_version_is_gone_on_with,
            ]
        );
        $crate::tests_of!(
            groups,
            $database,
            [
                an_instance_goes_on_where_another_one_stopped_and_what_that_one_has_left_is_not_written,
                a_partition_that_was_given_back_is_not_looked_at_any_more,
                what_a_task_knew_before_it_shared_its_work_is_not_forgotten,
                leases_that_were_made_anew_are_taken_when_a_person_begins_again,
                what_instances_have_together_is_shown_and_goes_with_the_task,
            ]
        );
    };
}

/// What stands in the tables afterwards.
#[macro_export]
macro_rules! writing {
    ($database:ty) => {
        $crate::tests_of!(
            writing,
            $database,
            [
                rows_are_appended_few_and_many,
                updates_follow_a_changed_key_and_leave_unsent_columns_alone,
                an_update_that_changes_nothing_finds_its_row,
                a_soft_delete_keeps_the_row_and_says_since_when_it_is_gone,
                deletes_can_be_ignored,
                the_history_has_every_change_with_what_happened,
                a_late_column_is_added_refused_or_left_out_as_the_task_says,
                generated_columns_are_left_out_and_identities_are_kept,
                constraints_between_rows_and_tables_hold_in_the_order_of_the_changes,
                a_schema_that_changes_in_the_middle_of_a_batch_widens_the_table,
                columns_have_the_names_that_the_task_gives_them,
                a_table_without_the_columns_of_its_mode_is_refused_not_written_by_half,
            ]
        );
    };
}

/// Any sequence of changes.
#[macro_export]
macro_rules! upsert_model {
    ($database:ty) => {
        $crate::tests_of!(
            upsert_model,
            $database,
            [what_is_folded_into_sets_equals_the_changes_one_by_one,]
        );
    };
}

/// plan, init, status and destroy.
#[macro_export]
macro_rules! lifecycle {
    ($database:ty) => {
        $crate::tests_of!(
            lifecycle,
            $database,
            [
                init_makes_what_plan_said_and_destroy_removes_what_the_task_made,
                plan_shows_the_tables_of_known_streams_and_init_makes_just_these,
                plan_shows_how_a_table_would_be_widened_and_init_widens_it,
                plan_says_what_a_run_would_refuse_and_init_refuses_it,
                plan_counts_on_what_an_earlier_stream_makes_of_their_table,
                a_table_that_upsert_cannot_use_is_refused_with_the_statement_that_helps,
                a_setting_that_is_wrong_is_named,
            ]
        );
    };
}

/// Every type; by name where the source is such a database.
#[macro_export]
macro_rules! types {
    ($database:ty) => {
        $crate::tests_of!(
            types,
            $database,
            [
                every_type_of_a_stream_has_its_column_and_keeps_its_values,
                a_stream_of_the_same_system_gets_exactly_its_types_where_they_are_known,
                the_types_of_another_system_are_not_taken_by_name,
            ]
        );
    };
}

/// What only a server can do.
#[macro_export]
macro_rules! server {
    ($database:ty) => {
        $crate::tests_of!(
            server,
            $database,
            [
                a_run_that_was_stopped_with_an_open_transaction_is_overtaken_and_fenced,
                a_newer_run_waits_for_the_open_transaction_of_an_older_one,
                a_server_that_goes_away_is_transient_and_a_wrong_password_is_not,
                a_name_that_would_be_cut_off_is_refused,
                streams_go_to_the_schemas_that_their_names_say,
                plan_shows_the_statements_and_runs_none_of_them,
                plan_shows_the_schema_that_a_table_is_made_in,
            ]
        );
    };
}

/// The conformance suite, in each mode. The config for a folder and a mode.
#[macro_export]
macro_rules! conforms {
    ($program:expr, $config:expr) => {
        $crate::conforms!($program, $config, append, upsert, history);
    };
    ($program:expr, $config:expr, $($mode:ident),*) => {
        $(
            mod $mode {
                #[allow(unused_imports)]
                use super::*;
                dstream_testkit::conformance_output!($program, |folder| $config(
                    folder,
                    $crate::json!({"mode": stringify!($mode), "key": ["id"]})
                ));
            }
        )*
    };
}
