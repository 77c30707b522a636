//! Every type goes in and is the same in the table.

mod common;

use common::Db;

dstream_sql_testkit::tests_of!(
    types,
    Db,
    [
        every_type_of_a_stream_has_its_column_and_keeps_its_values,
        the_types_of_another_system_are_not_taken_by_name,
    ]
);
