//! One line a provider: every check becomes a test.

/// The suite for an input: `(program, config)`, or `(program, config, ignore = ["/data/timestamp"])`.
///
/// `config` is a function from a folder of the test's own (`&Path`) to a config that makes a
/// *finite* stream of at least a dozen rows, the same in every run but for what is ignored.
#[macro_export]
macro_rules! conformance_input {
    ($program:expr, $config:expr $(,)?) => {
        $crate::conformance_input!($program, $config, ignore = []);
    };
    ($program:expr, $config:expr, ignore = [$($ignored:expr),* $(,)?] $(,)?) => {
        fn conformance_subject() -> $crate::Result<$crate::conformance::Subject> {
            let subject = $crate::conformance::Subject::new(
                $program,
                $crate::Role::Input,
                $config,
            )?;
            Ok(subject.ignoring(&[$($ignored),*]))
        }
        $crate::conformance_tests! {
            common: describe_is_valid, an_unknown_setting_is_refused, it_is_ready_in_time,
                secrets_are_not_shown;
            input: checkpoints_grow_and_the_last_one_covers_everything,
                it_waits_for_the_last_commit, stop_loses_nothing,
                resuming_from_any_checkpoint_gives_exactly_the_rest,
                a_schema_stands_before_its_rows;
        }
        #[cfg(unix)]
        $crate::conformance_tests! { common: sigterm_ends_it; }
    };
}

/// The suite for an output: `(program, config)`.
///
/// `config` is a function from a folder of the test's own (`&Path`) to a config that takes rows of
/// `{"id": int, "name": string}`.
#[macro_export]
macro_rules! conformance_output {
    ($program:expr, $config:expr $(,)?) => {
        fn conformance_subject() -> $crate::Result<$crate::conformance::Subject> {
            $crate::conformance::Subject::new($program, $crate::Role::Output, $config)
        }
        $crate::conformance_tests! {
            common: describe_is_valid, an_unknown_setting_is_refused, it_is_ready_in_time,
                secrets_are_not_shown;
            output: the_account_is_right, empty_checkpoints_are_committed_in_time,
                an_abort_completes_nothing, a_rejection_precedes_its_commit,
                without_dead_letters_a_rejection_fails;
        }
        #[cfg(unix)]
        $crate::conformance_tests! { common: sigterm_ends_it; }
    };
}

/// The suite for a transform that does not reshape: `(program, config)`.
///
/// `config` is a function from a folder of the test's own (`&Path`) to a config that takes rows of
/// `{"id": int, "name": string}`.
#[macro_export]
macro_rules! conformance_transform {
    ($program:expr, $config:expr $(,)?) => {
        fn conformance_subject() -> $crate::Result<$crate::conformance::Subject> {
            $crate::conformance::Subject::new($program, $crate::Role::Transform, $config)
        }
        $crate::conformance_tests! {
            common: describe_is_valid, an_unknown_setting_is_refused, it_is_ready_in_time,
                secrets_are_not_shown;
            transform: checkpoints_are_handed_on_with_an_account,
                an_abort_does_not_become_an_end;
        }
        #[cfg(unix)]
        $crate::conformance_tests! { common: sigterm_ends_it; }
    };
}

/// A test for each check.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($($module:ident: $($check:ident),+;)+) => {
        $($(
            #[test]
            fn $check() -> $crate::Result {
                $crate::conformance::$module::$check(&conformance_subject()?)
            }
        )+)+
    };
}
