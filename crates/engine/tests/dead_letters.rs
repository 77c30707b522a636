//! Every rejected row has exactly one letter, whatever is killed, and however equal the rows are.

// The providers of these tests are scripts.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "test code")]

mod support;

use std::time::Duration;

use dstream_engine::dead_letter::{DeadLetter, LocalDeadLetters};
use dstream_engine::{Outcome, Protocol, run};
use dstream_protocol::{Delivery, Role};

use support::Project;

const ROWS: u32 = 150;

/// Rows for everybody to reject, all with the same content: every 11th the input itself, every 13th
/// the transform, every 7th the output. It may die at any line until there is a file `calm`.
const INPUT: &str = r#"
read -r command; echo '{"status":"ready","protocol":2}'
from=0
case "$command" in *'"checkpoint":{"":'*) from=${command#*'"checkpoint":{"":'}; from=${from%%\}*};; esac
die=$((RANDOM % 400)); [[ -e calm ]] && die=100000
id=0; every=$((RANDOM % 4 + 1))
for ((i = from + 1; i <= 150; i++)); do
  ((die-- == 0)) && exit 1
  if ((i % 11 == 0)); then echo '{"@rejected":{"id":"same","error":{"kind":"permanent","message":"bad"},"raw":"eA=="}}'
  elif ((i % 13 == 0)); then echo '{"data":"t","metadata":{}}'
  elif ((i % 7 == 0)); then echo '{"data":"x","metadata":{}}'
  else echo "{\"data\":{\"n\":$i},\"metadata\":{}}"; fi
  if ((i % every == 0 || i == 150)); then
    id=$((id + 1)); echo "{\"@checkpoint\":{\"id\":$id,\"state\":{\"\":$i}}}"
  fi
done
echo '{"@end":{}}'
while read -r line; do :; done
"#;

#[tokio::test]
async fn the_letters_of_an_output_that_is_not_critical_stay_for_the_next_run() {
    let rejects = r#"
read -r command; echo '{"status":"ready","protocol":2}'
while read -r line; do
  case "$line" in
    '{"@checkpoint":'*) id=${line#*'"id":'}; echo "{\"@committed\":{\"id\":${id%%[,\}]*},\"written\":0,\"rejected\":1}}";;
    '{"@'*) ;;
    *) echo "{\"@rejected\":{\"error\":{\"kind\":\"permanent\",\"message\":\"bad\"},\"envelope\":$line}}";;
  esac
done"#;
    let project = Project::new()
        .dead_letters(50)
        .input(Protocol::V2, &support::counting(3, 1))
        .named_output("main", Protocol::V2, true, support::COLLECT)
        .named_output("side", Protocol::V2, false, rejects);
    for _ in 0..3 {
        let report = project.run().await;
        assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
        let letters = LocalDeadLetters::new(&project.state, "t").list().unwrap();
        assert_eq!(letters.len(), 3, "{letters:?}");
    }
}

const TRANSFORM: &str = r#"
read -r command; echo '{"status":"ready","protocol":2}'
while read -r line; do
  case "$line" in
    '{"data":"t"'*) echo "{\"@rejected\":{\"error\":{\"kind\":\"permanent\",\"message\":\"bad\"},\"envelope\":$line}}";;
    *) echo "$line";;
  esac
done
"#;

/// Commits some checkpoints and passes over others.
const OUTPUT: &str = r#"
read -r command; echo '{"status":"ready","protocol":2}'
die=$((RANDOM % 60 + 5)); [[ -e calm ]] && die=100000
n=0; r=0; pending=
commit() { echo "{\"@committed\":{\"id\":$pending,\"written\":$n,\"rejected\":$r}}"; n=0; r=0; pending=; }
while read -r line; do
  ((die-- == 0)) && exit 1
  case "$line" in
    '{"@checkpoint":'*) pending=${line#*'"id":'}; pending=${pending%%[,\}]*}; ((RANDOM % 3)) && commit;;
    '{"@'*) ;;
    *'"x"'*) echo "{\"@rejected\":{\"error\":{\"kind\":\"permanent\",\"message\":\"bad\"},\"envelope\":$line}}"; r=$((r + 1));;
    *) n=$((n + 1));;
  esac
done
[[ -n $pending ]] && commit
exit 0
"#;

/// The same with a destination, the file `db`, that keeps the checkpoint and what was rejected. It
/// never forgets, so each start sends everything again.
const KEEPER: &str = r#"
read -r command
epoch=0; mark=; state=; stored=()
[[ -e db ]] && { { read -r epoch; read -r mark; read -r state; mapfile -t stored; } < db; }
epoch=$((epoch + 1))
save() { { echo "$epoch"; echo "$mark"; echo "$state"; ((${#stored[@]})) && printf '%s\n' "${stored[@]}"; } > db.next; mv db.next db; }
save
previous=; [[ -n $mark ]] && previous=",\"previous\":$mark,\"checkpoint\":{\"input\":$state}"
echo "{\"status\":\"ready\",\"protocol\":2,\"epoch\":$epoch$previous}"
((${#stored[@]})) && printf '%s\n' "${stored[@]}"
die=$((RANDOM % 60 + 5)); [[ -e calm ]] && die=100000
n=0; pending=; rejected=()
commit() {
  mark="{\"epoch\":$epoch,\"id\":$pending}"; state=$next
  lines=()
  for one in "${rejected[@]}"; do
    lines+=("{\"@rejected\":{\"id\":\"$epoch-$pending-${#lines[@]}\",\"commit\":$mark,\"error\":{\"kind\":\"permanent\",\"message\":\"bad\"},\"envelope\":$one}}")
  done
  stored+=("${lines[@]}"); save
  ((RANDOM % 8 == 0)) && [[ ! -e calm ]] && exit 1
  ((${#lines[@]})) && printf '%s\n' "${lines[@]}"
  echo "{\"@committed\":{\"id\":$pending,\"written\":$n,\"rejected\":${#lines[@]}}}"; n=0; rejected=(); pending=
}
while read -r line; do
  ((die-- == 0)) && exit 1
  case "$line" in
    '{"@checkpoint":'*) pending=${line#*'"id":'}; pending=${pending%%[,\}]*}
        next=${line#*'"state":'}; next=${next%%\}*}\}; ((RANDOM % 3)) && commit;;
    '{"@'*) ;;
    *'"x"'*) rejected+=("$line");;
    *) n=$((n + 1));;
  esac
done
[[ -n $pending ]] && commit
exit 0
"#;

/// Runs and kills until it is calm, then to the end.
async fn through_crashes(project: &Project) {
    for round in 0..12_u64 {
        let running = run(project.request());
        let patience = Duration::from_millis(100 + round * 97 % 400);
        // Dropping it kills everything, as the end of the host does.
        drop(tokio::time::timeout(patience, running).await);
    }
    std::fs::write(project.folder.path().join("calm"), "").unwrap();
    let report = run(project.request()).await;
    assert!(matches!(report.outcome, Outcome::Completed), "{report:?}");
}

fn rejected_by(letters: &[DeadLetter], role: Role, provider: &str) -> usize {
    letters.iter().filter(|l| l.role == role && l.provider == provider).count()
}

fn check(project: &Project, outputs: &[&str]) {
    let letters = LocalDeadLetters::new(&project.state, "t").list().unwrap();
    let count = |test: fn(u32) -> bool| (1..=ROWS).filter(|i| test(*i)).count();
    let by_input = count(|i| i % 11 == 0);
    let by_transform = count(|i| i % 11 != 0 && i % 13 == 0);
    let by_output = count(|i| i % 11 != 0 && i % 13 != 0 && i % 7 == 0);
    assert_eq!(rejected_by(&letters, Role::Input, "input"), by_input, "input");
    assert_eq!(rejected_by(&letters, Role::Transform, "transform"), by_transform, "transform");
    for output in outputs {
        assert_eq!(rejected_by(&letters, Role::Output, output), by_output, "{output}");
    }
    let ids: std::collections::BTreeSet<_> = letters.iter().map(|l| &l.id).collect();
    assert_eq!(ids.len(), letters.len(), "an id for two letters");
}

fn project() -> Project {
    Project::new()
        .retry(4)
        .dead_letters(1_000_000)
        .input(Protocol::V2, INPUT)
        .transform("transform", TRANSFORM)
}

#[tokio::test]
async fn every_rejected_row_has_one_letter_after_crashes() {
    let project = project().output(Protocol::V2, OUTPUT);
    through_crashes(&project).await;
    check(&project, &["output"]);
}

#[tokio::test]
async fn every_rejected_row_has_one_letter_of_each_output_after_crashes() {
    let project = project().named_output("x", Protocol::V2, true, OUTPUT).named_output(
        "y",
        Protocol::V2,
        true,
        OUTPUT,
    );
    through_crashes(&project).await;
    check(&project, &["x", "y"]);
}

#[tokio::test]
async fn every_rejected_row_has_one_letter_where_the_destination_keeps_the_checkpoint() {
    let mut project = project().output(Protocol::V2, KEEPER);
    let delivery = Delivery { transactional: true, ..Delivery::NONE };
    project.route.outputs[0].program.delivery = Some(delivery);
    through_crashes(&project).await;
    check(&project, &["output"]);
}

#[tokio::test]
async fn letters_stay_where_the_source_cannot_be_read_again() {
    let once = r#"
read -r command; echo '{"status":"ready","protocol":2}'
[[ -e again ]] && { echo '{"@checkpoint":{"id":1,"state":{"":2}}}'; echo '{"@end":{}}'; while read -r line; do :; done; exit 0; }
touch again
echo '{"@rejected":{"error":{"kind":"permanent","message":"bad"},"raw":"eA=="}}'
exit 1
"#;
    let mut project = Project::new()
        .retry(3)
        .dead_letters(10)
        .input(Protocol::V2, once)
        .output(Protocol::V2, OUTPUT);
    project.route.inputs[0].program.delivery = Some(Delivery::NONE);
    std::fs::write(project.folder.path().join("calm"), "").unwrap();
    assert!(matches!(run(project.request()).await.outcome, Outcome::Completed));
    assert_eq!(LocalDeadLetters::new(&project.state, "t").list().unwrap().len(), 1);
}
