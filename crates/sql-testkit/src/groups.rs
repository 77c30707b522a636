//! Instances of a task that share its partitions under leases: each has an identity and a run of its
//! own, and epoch and state of a partition are kept for all of them.

use dstream_testkit::FakeHost;
use dstream_testkit::serde_json::{Value, json};

use crate::{TestDatabase, finish, row};

const GROUP: &str = "sqlserver:db/shop|azure:acme/locks";

/// A run of one instance.
fn instance<D: TestDatabase>(db: &D, name: &str, adopt: &Value) -> FakeHost {
    let mut command = db.command("run", &json!({}));
    command["task_id"] = json!(name);
    command["adopt"] = adopt.clone();
    let mut host = FakeHost::start(D::PROGRAM).unwrap();
    host.send_json(&command).unwrap();
    assert_eq!(host.json().unwrap()["status"], "ready");
    host
}

/// What is said to a claim.
fn claim(host: &mut FakeHost, part: &str, epoch: u64) -> Value {
    let claim = json!({"@claim": {"part": part, "epoch": epoch, "group": GROUP}});
    host.send_json(&claim).unwrap();
    host.json().unwrap()
}

/// A claim that is granted; the state.
fn claimed(host: &mut FakeHost, part: &str, epoch: u64) -> Value {
    let said = claim(host, part, epoch);
    let claimed = &said["@claimed"];
    assert_eq!((&claimed["part"], &claimed["epoch"]), (&json!(part), &json!(epoch)), "{said}");
    assert_eq!(claimed["shared"], true, "{said}");
    claimed["state"].clone()
}

/// A row of a partition, with the checkpoint behind it; what is said.
fn write(host: &mut FakeHost, part: &str, id: u64) -> Value {
    row(host, "insert", &json!({"id": id}), &json!({}));
    host.send_json(&json!({"@checkpoint": {"id": id, "state": {part: id}}})).unwrap();
    host.json().unwrap()
}

fn written(host: &mut FakeHost, part: &str, id: u64) {
    let said = write(host, part, id);
    assert_eq!(said["@committed"]["id"], id, "{said}");
}

fn ids<D: TestDatabase>(db: &D) -> String {
    db.sql("SELECT id FROM s ORDER BY id").replace('\n', " ")
}

/// Killed or paused: what was in its pipe comes too late.
pub fn an_instance_goes_on_where_another_one_stopped_and_what_that_one_has_left_is_not_written<
    D: TestDatabase,
>() {
    let db = D::new();
    let (mut a, mut b) = (instance(&db, "u-1", &json!({})), instance(&db, "u-2", &json!({})));
    assert_eq!(claimed(&mut a, "p", 1), Value::Null);
    assert_eq!(claimed(&mut b, "q", 1), Value::Null);
    written(&mut a, "p", 1);
    written(&mut b, "q", 2);
    written(&mut a, "p", 3);
    assert_eq!(claimed(&mut b, "p", 2), 3);
    let said = write(&mut a, "p", 4);
    let error = &said["@error"];
    assert_eq!(error["kind"], "transient", "the run begins again, and shares anew: {said}");
    assert!(error["message"].as_str().unwrap().contains("another instance"), "{said}");
    drop(a);
    written(&mut b, "p", 5);
    // It comes back, with a lease that is over: not even its claim counts.
    let mut a = instance(&db, "u-1", &json!({}));
    let said = claim(&mut a, "p", 1);
    assert_eq!(said["@error"]["kind"], "fenced", "{said}");
    drop(a);
    let mut a = instance(&db, "u-1", &json!({}));
    assert_eq!(claimed(&mut a, "p", 3), 5);
    written(&mut a, "p", 6);
    finish(a);
    assert_eq!(ids(&db), "1 2 3 5 6");
}

/// It is another's in good order, and this instance goes on with the rest.
pub fn a_partition_that_was_given_back_is_not_looked_at_any_more<D: TestDatabase>() {
    let db = D::new();
    let (mut a, mut b) = (instance(&db, "u-1", &json!({})), instance(&db, "u-2", &json!({})));
    for part in ["p", "q"] {
        claimed(&mut a, part, 1);
    }
    written(&mut a, "p", 1);
    written(&mut a, "q", 2);
    assert_eq!(claimed(&mut b, "q", 2), 2);
    written(&mut b, "q", 3);
    written(&mut a, "p", 4);
    // And back again.
    assert_eq!(claimed(&mut a, "q", 3), 3);
    written(&mut a, "q", 5);
    assert_eq!(write(&mut b, "q", 6)["@error"]["kind"], "transient");
    finish(a);
    assert_eq!(ids(&db), "1 2 3 4 5");
}

/// The first run with leases goes on from the last one without.
pub fn what_a_task_knew_before_it_shared_its_work_is_not_forgotten<D: TestDatabase>() {
    let db = D::new();
    let mut a = instance(&db, "u-1", &json!({}));
    written(&mut a, "p", 1);
    assert_eq!(claimed(&mut a, "p", 1), 1);
    finish(a);
    // It stands for all, though nothing was written since.
    let mut b = instance(&db, "u-2", &json!({}));
    assert_eq!(claimed(&mut b, "p", 2), 1);
    written(&mut b, "p", 2);
    let mut a = instance(&db, "u-1", &json!({}));
    assert_eq!(claimed(&mut a, "p", 3), 2, "and what is newer counts more");
}

/// `dstream state rm` and `set`, also where the leases count from one again.
pub fn leases_that_were_made_anew_are_taken_when_a_person_begins_again<D: TestDatabase>() {
    let db = D::new();
    let mut a = instance(&db, "u-1", &json!({}));
    for part in ["p", "q"] {
        claimed(&mut a, part, 7);
        written(&mut a, part, if part == "p" { 1 } else { 2 });
    }
    drop(a);
    let mut a = instance(&db, "u-1", &json!({}));
    let said = claim(&mut a, "p", 1);
    let message = said["@error"]["message"].as_str().unwrap();
    assert!(message.contains("dstream state rm t"), "{said}");
    drop(a);
    let mut a = instance(&db, "u-1", &json!({"in": {"q": 9}}));
    assert_eq!(claimed(&mut a, "p", 1), Value::Null);
    assert_eq!(claimed(&mut a, "q", 1), 9);
    written(&mut a, "p", 3);
    // Said once, done once.
    assert_eq!(claimed(&mut a, "p", 2), 3);
    drop(a);
    let mut b = instance(&db, "u-2", &json!({}));
    assert_eq!(claimed(&mut b, "q", 2), 9);
}

/// By `status` and `destroy` of any of them.
pub fn what_instances_have_together_is_shown_and_goes_with_the_task<D: TestDatabase>() {
    let db = D::new();
    let mut a = instance(&db, "u-1", &json!({}));
    claimed(&mut a, "p", 4);
    written(&mut a, "p", 1);
    finish(a);
    let status = db.ask("status", &json!({})).to_string();
    assert!(status.contains("in/p") && status.contains("epoch 4: 1"), "{status}");
    assert_eq!(db.ask("destroy", &json!({}))["status"], "ok");
    assert_eq!(db.tables(), [""; 0]);
}
