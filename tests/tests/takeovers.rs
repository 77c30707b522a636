//! A short version of `make chaos-mssql`.

#![cfg(unix)]

use dstream_tests::takeovers::Takeovers;

#[test]
fn two_instances_that_are_killed_and_paused_lose_and_double_nothing_and_no_table_has_two_owners() {
    let seed = fastrand::u64(..1_000_000);
    println!("SEED={seed}");
    let report = Takeovers::start().play(5, seed, &mut |what| println!("{what}"));
    println!("{report}");
    assert!(report.is_clean(), "seed {seed}\n{report}");
    assert!(report.kills + report.pauses >= 4 && report.history.commits > 50, "{report}");
}
