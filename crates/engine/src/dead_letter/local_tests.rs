//! The file of dead letters.

use super::*;
use crate::dead_letter::Taken;
use dstream_protocol::{ErrorKind, ProviderError, Rejected};

fn letter(run: &str, n: u64, data: &str) -> DeadLetter {
    let rejected = Rejected {
        id: None,
        commit: None,
        error: ProviderError::new(ErrorKind::Permanent, "no such column"),
        envelope: Some(serde_json::value::RawValue::from_string(data.into()).unwrap()),
        raw: None,
    };
    let taken = Taken { role: Role::Output, provider: "db", run, n, own_id: false };
    DeadLetter::new(&taken, rejected)
}

fn letters(folder: &tempfile::TempDir) -> LocalDeadLetters {
    LocalDeadLetters::new(&LocalState::new(folder.path()), "t")
}

fn envelopes(letters: &LocalDeadLetters) -> Vec<String> {
    let all = letters.list().unwrap();
    all.iter().map(|l| l.envelope.as_ref().unwrap().get().to_owned()).collect()
}

#[test]
fn equal_rows_are_letters_of_their_own_and_kept_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let letters = letters(&folder);
    assert!(letters.list().unwrap().is_empty());
    for (n, data) in (1..).zip(["{\"n\":1.10}", "{\"n\":2}", "{\"n\":1.10}"]) {
        letters.append(&letter("r", n, data)).unwrap();
    }
    letters.sync().unwrap();
    assert_eq!(envelopes(&letters), ["{\"n\":1.10}", "{\"n\":2}", "{\"n\":1.10}"]);
    let first = letters.list().unwrap()[0].id.clone();
    assert_eq!(letters.remove(|l| l.id == first).unwrap(), 1);
    assert_eq!(envelopes(&letters), ["{\"n\":2}", "{\"n\":1.10}"]);
}

#[test]
fn equal_lines_of_an_older_version_are_letters_of_their_own_with_ids_that_stay() {
    let folder = tempfile::tempdir().unwrap();
    let letters = letters(&folder);
    let old = |n| {
        format!(
            "{{\"id\":\"aa\",\"at\":\"x\",\"provider\":\"db\",\"role\":\"output\",\"error\":{{\"kind\":\"permanent\",\"message\":\"m\"}},\"envelope\":{n}}}\n"
        )
    };
    fs::create_dir_all(letters.path().parent().unwrap()).unwrap();
    fs::write(letters.path(), [old(1), old(1), old(1)].concat()).unwrap();
    let ids =
        |l: &LocalDeadLetters| l.list().unwrap().into_iter().map(|l| l.id).collect::<Vec<_>>();
    assert_eq!(ids(&letters), ["aa", "aa-2", "aa-3"]);
    assert_eq!(letters.remove(|l| l.id == "aa").unwrap(), 1);
    assert_eq!(ids(&letters), ["aa-2", "aa-3"]);
}

#[test]
fn a_letter_that_is_sent_again_by_its_id_is_kept_once_with_its_last_reason() {
    let folder = tempfile::tempdir().unwrap();
    let letters = letters(&folder);
    let first = letter("r", 1, "1");
    let mut again = DeadLetter { at: "later".into(), run: Some("s".into()), ..first.clone() };
    again.error.message = "still not".into();
    for one in [&first, &letter("r", 2, "1"), &again] {
        letters.append(one).unwrap();
    }
    let kept = letters.list().unwrap();
    assert_eq!(
        (kept.len(), &kept[0].at, kept[0].error.message.as_str()),
        (2, &first.at, "still not")
    );
    // Another output may reject the same envelope.
    letters.append(&DeadLetter { provider: "other".into(), ..first }).unwrap();
    assert_eq!(letters.list().unwrap().len(), 3);
}

#[test]
fn cutting_takes_what_is_not_covered_of_one_attempt_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let letters = letters(&folder);
    for (run, n) in [("old", 9), ("r", 1), ("r", 2), ("r", 3)] {
        letters.append(&letter(run, n, &format!("\"{run}{n}\""))).unwrap();
    }
    let note = Closed { run: "r".into(), provider: "output.db".into(), checkpoint: 4, letters: 2 };
    letters.close(&note).unwrap();
    assert!(letters.closed("r", 3).unwrap().is_empty());
    let covered = letters.closed("r", 4).unwrap();
    assert_eq!(letters.cut("r", &covered).unwrap(), 1);
    assert_eq!(envelopes(&letters), ["\"old9\"", "\"r1\"", "\"r2\""]);
    // A crash between this and the save of the state comes here a second time.
    assert_eq!(letters.closed("r", 4).unwrap(), covered);
    assert_eq!(letters.cut("r", &covered).unwrap(), 0);
    letters.append(&letter("s", 1, "4")).unwrap();
    assert_eq!(letters.cut("r", &Counts::new()).unwrap(), 2);
    assert_eq!(envelopes(&letters), ["\"old9\"", "4"]);
}

#[test]
fn half_a_line_of_a_crash_spoils_neither_what_is_before_nor_what_comes_after() {
    let folder = tempfile::tempdir().unwrap();
    let first = letters(&folder);
    first.append(&letter("r", 1, "1")).unwrap();
    first.append(&letter("r", 2, "2")).unwrap();
    let bytes = fs::read(first.path()).unwrap();
    fs::write(first.path(), &bytes[..bytes.len() - 5]).unwrap();
    let second = letters(&folder);
    second.append(&letter("s", 1, "3")).unwrap();
    assert_eq!(envelopes(&second), ["1", "3"]);
}

#[test]
fn removing_keeps_the_others_in_order_and_what_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let letters = letters(&folder);
    for (n, data) in (1..).zip(["1", "2", "3"]) {
        letters.append(&letter("r", n, data)).unwrap();
    }
    let gone = letters.remove(|l| l.envelope.as_ref().unwrap().get() == "2").unwrap();
    assert_eq!((gone, envelopes(&letters)), (1, vec!["1".to_owned(), "3".to_owned()]));
    letters.append(&letter("r", 4, "4")).unwrap();
    assert_eq!(letters.list().unwrap().len(), 3);
}
