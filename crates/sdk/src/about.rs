//! What a provider says of itself: its name, its version, one sentence.

/// Made by [`about!`](crate::about).
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The package's name without `dstream-`: `in-counter`.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// One sentence for people.
    pub description: &'static str,
}

impl About {
    /// See [`about!`](crate::about), which knows the package.
    pub fn new(package: &'static str, version: &'static str, description: &'static str) -> Self {
        Self { name: package.strip_prefix("dstream-").unwrap_or(package), version, description }
    }
}

/// Name and version of the package that it is called in, and the sentence given.
#[macro_export]
macro_rules! about {
    ($description:expr) => {
        $crate::About::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), $description)
    };
}
