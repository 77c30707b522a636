//! A short version of the kill test (`make chaos` is the long one), and what a kill leaves behind.

use std::time::{Duration, Instant};

use dstream_tests::chaos::{Plan, Route, Victim, play};
use dstream_tests::{Project, processes};

const ROWS: usize = 200_000;

fn kill(route: Route, victim: Victim, after: f64) {
    let then = Duration::from_millis(30);
    let report = play(Plan { round: 0, route, victim, after, then }, ROWS);
    assert!(report.is_clean(), "{report}");
}

#[test]
fn whoever_is_killed_every_row_is_in_the_table_exactly_once() {
    kill(Route::FileToSqlite, Victim::Host, 0.2);
    kill(Route::FileToSqlite, Victim::Input, 0.4);
    kill(Route::FileToSqlite, Victim::Output, 0.3);
}

#[test]
fn whoever_is_killed_every_row_is_in_the_file_exactly_once() {
    kill(Route::FileToFile, Victim::Host, 0.2);
    kill(Route::FileToFile, Victim::Input, 0.4);
    kill(Route::FileToFile, Victim::Output, 0.3);
}

#[test]
fn random_kills_lose_and_double_nothing() {
    let seed = fastrand::u64(..1_000_000);
    for round in 1..=4 {
        let report = play(Plan::new(seed, round), ROWS);
        assert!(report.is_clean(), "SEED={seed} ROUND={round} make chaos: {report}");
    }
}

/// Both providers run until somebody ends them, and ignore every signal that they can.
fn endless() -> Project {
    let project = Project::with(
        r#"task "endless" {
  stop_timeout = "1s"
  input {
    provider_path = "./in.sh"
  }
  output {
    provider_path = "./out.sh"
  }
}
"#,
    );
    let stubborn = r#"trap '' TERM INT HUP PIPE; read -r command; echo '{"status":"ready"}'"#;
    project.script("in.sh", &format!("{stubborn}\nwhile :; do sleep 0.2; done"));
    project.script("out.sh", &format!("{stubborn}\nwhile :; do sleep 0.2; done"));
    project
}

fn both_providers(host: u32) -> Vec<u32> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let children = processes::children(host);
        let scripts: Vec<u32> =
            children.into_iter().filter(|(_, n)| n == "bash").map(|(p, _)| p).collect();
        if scripts.len() == 2 {
            return scripts;
        }
        assert!(Instant::now() < deadline, "the providers do not start");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn no_provider_survives_its_host() {
    let project = endless();
    let mut run = project.start(&["run", "endless"]);
    let providers = both_providers(run.pid());
    run.kill();
    let _killed = run.wait();
    let orphans = processes::survivors(&providers, Duration::from_secs(5));
    assert!(orphans.is_empty(), "{orphans:?} outlived their host");
}

#[test]
fn a_provider_that_ignores_the_request_to_stop_is_killed() {
    let project = endless();
    let run = project.start(&["run", "endless"]);
    let providers = both_providers(run.pid());
    std::thread::sleep(Duration::from_millis(300));
    processes::interrupt(run.pid());
    let begun = Instant::now();
    let finished = run.wait();
    assert_eq!(finished.code, 130, "{}", finished.everything());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(processes::survivors(&providers, Duration::from_secs(1)).is_empty());
}

#[test]
fn a_second_run_of_the_same_task_says_who_holds_it() {
    let project = endless();
    let mut first = project.start(&["run", "endless"]);
    both_providers(first.pid());
    let pid = first.pid().to_string();
    project.run("endless").expect(4).says(&["endless", &pid]);
    assert!(!first.has_ended(), "the first run was disturbed");
    first.kill();
    let _killed = first.wait();
}
