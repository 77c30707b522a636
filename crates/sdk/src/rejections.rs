//! Rejected envelopes, until they are sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dstream_protocol::{Command, CommitMark, Json, Rejected};
use uuid::Uuid;

use crate::{Commit, Error, Result};

/// How many bytes of a row an error message shows.
const SHOWN_BYTES: usize = 500;

/// Collects rejections, or refuses them where the task keeps no dead letters.
#[derive(Debug)]
pub(crate) struct Rejections {
    kept: bool,
    list: Vec<Rejected>,
    /// The first one that was refused; it ends the run, whether its author returned it or not.
    refused: Option<Error>,
}

impl Rejections {
    pub(crate) fn new(kept: bool) -> Self {
        Self { kept, list: Vec::new(), refused: None }
    }

    #[cold]
    pub(crate) fn reject(&mut self, line: &[u8], error: Error) -> Result<()> {
        if !self.kept {
            let refusal = refusal(line, error);
            self.refused.get_or_insert_with(|| refusal.clone());
            return Err(refusal);
        }
        let envelope: Option<Json> = serde_json::from_slice(line).ok();
        let raw = envelope.is_none().then(|| STANDARD.encode(line));
        self.list.push(Rejected { id: None, commit: None, error: error.into(), envelope, raw });
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes what was collected, or the error of the first one that was refused.
    pub(crate) fn take(&mut self) -> Result<Vec<Rejected>> {
        match self.refused.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut self.list)),
        }
    }
}

/// What names the rejections that a transactional output stores: it may send them again.
#[derive(Debug)]
pub(crate) struct Letters {
    /// Ids are unique to this: the task's id and the block's label.
    namespace: Uuid,
    epoch: Option<u64>,
}

impl Letters {
    pub(crate) fn new(command: &Command, epoch: Option<u64>) -> Self {
        let task = Uuid::new_v5(&Uuid::NAMESPACE_URL, command.task_id.as_bytes());
        Self { namespace: Uuid::new_v5(&task, command.name.as_bytes()), epoch }
    }

    /// Each gets the id of its place: no two have one, whatever they hold, and one that is sent
    /// again is known by it.
    pub(crate) fn name(&self, commit: &mut Commit) {
        let Some(epoch) = self.epoch else { return };
        let mark = CommitMark { epoch, id: commit.id };
        for (n, one) in commit.rejected.iter_mut().enumerate() {
            let place = format!("{epoch}:{}:{n}", commit.id);
            one.id = Some(Uuid::new_v5(&self.namespace, place.as_bytes()).to_string());
            one.commit = Some(mark);
        }
    }
}

/// The row stands in the message, because nothing else will keep it.
fn refusal(line: &[u8], error: Error) -> Error {
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]);
    let more = if line.len() > SHOWN_BYTES { " …" } else { "" };
    Error::permanent(format!(
        "an envelope was rejected, and the task keeps no dead letters: {error}; the envelope is \
         {text}{more}; add a `dead_letter` block to the task to keep such envelopes and go on"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_of_one_commit_have_ids_of_their_own_and_the_same_ones_when_stored_again() {
        let command = |task: &str| {
            let line = format!(
                r#"{{"protocol":2,"command":"run","role":"output","task":"t","name":"o","task_id":"{task}","config":{{}}}}"#
            );
            serde_json::from_str::<Command>(&line).unwrap()
        };
        let ids = |task, epoch| {
            let mut rejections = Rejections::new(true);
            for _ in 0..2 {
                rejections.reject(br#"{"data":1}"#, Error::permanent("no")).unwrap();
            }
            let rejected = rejections.take().unwrap();
            assert!(rejected.iter().all(|r| r.id.is_none()));
            let mut commit = Commit { id: 3, rejected, ..Commit::default() };
            Letters::new(&command(task), epoch).name(&mut commit);
            commit.rejected.into_iter().map(|r| r.id).collect::<Vec<_>>()
        };
        let first = ids("a", Some(1));
        assert_ne!(first[0], first[1]);
        assert_eq!(first, ids("a", Some(1)));
        assert!(first.iter().all(|id| !ids("a", Some(2)).contains(id)));
        assert!(first.iter().all(|id| !ids("b", Some(1)).contains(id)));
        assert_eq!(ids("a", None), [None, None]);
    }

    #[test]
    fn what_is_no_json_travels_as_base64() {
        let mut rejections = Rejections::new(true);
        rejections.reject(b"{\xff", Error::permanent("no")).unwrap();
        let rejected = rejections.take().unwrap().remove(0);
        assert_eq!((rejected.envelope.is_none(), rejected.raw.as_deref()), (true, Some("e/8=")));
    }

    #[test]
    fn without_dead_letters_a_rejection_ends_the_run_even_when_its_error_is_ignored() {
        let mut rejections = Rejections::new(false);
        let error = rejections.reject(br#"{"data":1}"#, Error::permanent("too long")).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
        assert!(error.to_string().contains(r#"{"data":1}"#), "{error}");
        assert_eq!(rejections.take().unwrap_err(), error);
    }
}
