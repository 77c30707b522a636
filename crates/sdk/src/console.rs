//! What an output prints to the user.

use std::sync::{Arc, Mutex, PoisonError};

/// Prints lines to the user's terminal, through the host.
///
/// An output's stdout carries its answers to the host. Any line there that does not begin like a
/// control line is shown to the user as it is, and this is the way to write one: it is sent before
/// the commit that covers it, and a text that would begin like a control line gets a space in front.
///
/// ```
/// let console = dstream_sdk::Console::default();
/// console.print_line("7 rows");
/// console.print_line("two\nlines");
/// assert_eq!(console.pending(), "7 rows\ntwo\nlines\n");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Console(Arc<Mutex<Vec<u8>>>);

impl Console {
    /// Prints a line, or several where the text holds newlines.
    pub fn print_line(&self, text: &str) {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.split('\n') {
            if line.starts_with(r#"{"@"#) {
                buffer.push(b' ');
            }
            buffer.extend_from_slice(line.as_bytes());
            buffer.push(b'\n');
        }
    }

    /// What was printed and has not been sent yet; for tests of an output.
    pub fn pending(&self) -> String {
        let buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&buffer).into_owned()
    }

    /// Moves what was printed to the end of `out`.
    pub(crate) fn drain_into(&self, out: &mut Vec<u8>) {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.append(&mut buffer);
    }
}
