//! How the process ends.

/// The exit codes, as `dstream --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    DeadLetters = 3,
    Held = 4,
    Interrupted = 130,
}

impl Exit {
    pub(crate) const ALL: [Self; 6] =
        [Self::Done, Self::Failed, Self::Usage, Self::DeadLetters, Self::Held, Self::Interrupted];

    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The word in JSON documents.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::DeadLetters => "dead_letters",
            Self::Held => "held",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; also after SIGTERM, when everything begun was finished",
            Self::Failed => "failed",
            Self::Usage => "wrong usage, or the task file is wrong; nothing was started",
            Self::DeadLetters => "done, but envelopes were rejected and kept as dead letters",
            Self::Held => "another run holds the task's state",
            Self::Interrupted => "interrupted by Ctrl-C",
        }
    }

    /// Of several tasks in one run: the one that a caller has to know of first.
    pub(crate) fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        let order = [Self::Failed, Self::Usage, Self::Held, Self::Interrupted, Self::DeadLetters];
        let all: Vec<Self> = all.into_iter().collect();
        order.into_iter().find(|e| all.contains(e)).unwrap_or(Self::Done)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The list below `dstream --help`.
pub(crate) fn help() -> String {
    let line = |e: Exit| format!("  {:<3}  {}", e.code(), e.meaning());
    Exit::ALL.map(line).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_tasks_a_failure_outweighs_everything_and_dead_letters_only_success() {
        use Exit::*;
        assert_eq!(Exit::worst([Done, DeadLetters, Held, Failed]), Failed);
        assert_eq!(Exit::worst([Done, DeadLetters]), DeadLetters);
        assert_eq!(Exit::worst([Interrupted, Held]), Held);
        assert_eq!(Exit::worst([]), Done);
    }
}
