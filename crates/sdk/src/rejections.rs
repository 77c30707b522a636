//! Rejected envelopes, until they are sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dstream_protocol::{Json, Rejected};
use uuid::Uuid;

use crate::{Error, Result};

/// How many bytes of a row an error message shows.
const SHOWN_BYTES: usize = 500;

/// Collects rejections, or refuses them where the task keeps no dead letters.
#[derive(Debug)]
pub(crate) struct Rejections {
    /// Ids are unique to this: the task's id and the block's label.
    namespace: Uuid,
    kept: bool,
    list: Vec<Rejected>,
    /// The first one that was refused; it ends the run, whether its author returned it or not.
    refused: Option<Error>,
}

impl Rejections {
    pub(crate) fn new(task_id: &str, name: &str, kept: bool) -> Self {
        let task = Uuid::new_v5(&Uuid::NAMESPACE_URL, task_id.as_bytes());
        let namespace = Uuid::new_v5(&task, name.as_bytes());
        Self { namespace, kept, list: Vec::new(), refused: None }
    }

    #[cold]
    pub(crate) fn reject(&mut self, line: &[u8], error: Error) -> Result<()> {
        if !self.kept {
            let refusal = refusal(line, error);
            self.refused.get_or_insert_with(|| refusal.clone());
            return Err(refusal);
        }
        let id = Some(Uuid::new_v5(&self.namespace, line).to_string());
        let envelope: Option<Json> = serde_json::from_slice(line).ok();
        let raw = envelope.is_none().then(|| STANDARD.encode(line));
        self.list.push(Rejected { id, error: error.into(), envelope, raw });
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
    fn a_rejection_has_the_same_id_in_a_replay_and_another_one_in_another_task() {
        let reject = |task| {
            let mut rejections = Rejections::new(task, "output", true);
            rejections.reject(br#"{"data":1}"#, Error::permanent("no")).unwrap();
            rejections.take().unwrap().remove(0).id.unwrap()
        };
        assert_eq!(reject("a"), reject("a"));
        assert_ne!(reject("a"), reject("b"));
    }

    #[test]
    fn what_is_no_json_travels_as_base64() {
        let mut rejections = Rejections::new("t", "output", true);
        rejections.reject(b"{\xff", Error::permanent("no")).unwrap();
        let rejected = rejections.take().unwrap().remove(0);
        assert_eq!((rejected.envelope.is_none(), rejected.raw.as_deref()), (true, Some("e/8=")));
    }

    #[test]
    fn without_dead_letters_a_rejection_ends_the_run_even_when_its_error_is_ignored() {
        let mut rejections = Rejections::new("t", "output", false);
        let error = rejections.reject(br#"{"data":1}"#, Error::permanent("too long")).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
        assert!(error.to_string().contains(r#"{"data":1}"#), "{error}");
        assert_eq!(rejections.take().unwrap_err(), error);
    }
}
