//! Who holds a lease, for people.

use std::collections::BTreeMap;

/// An instance, as the store shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Names the instance; another one in each process.
    pub instance: String,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When it began, in UTC.
    pub started: String,
}

impl Owner {
    /// This process.
    pub fn this_process() -> Self {
        Self {
            instance: uuid::Uuid::new_v4().to_string(),
            host: host(),
            pid: std::process::id(),
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }

    /// As names and values, in ASCII: a store may keep them as headers.
    pub(crate) fn fields(&self) -> [(&'static str, String); 4] {
        let ascii = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
        };
        [
            ("instance", ascii(&self.instance)),
            ("host", ascii(&self.host)),
            ("pid", self.pid.to_string()),
            ("started", ascii(&self.started)),
        ]
    }

    pub(crate) fn from_fields(fields: &BTreeMap<String, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).cloned();
        Some(Self {
            instance: text("instance")?,
            host: text("host")?,
            pid: text("pid")?.parse().ok()?,
            started: text("started")?,
        })
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}, started {}", self.pid, self.host, self.started)
    }
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_survives_what_a_header_can_hold() {
        let owner = Owner { host: "bücherei 1".into(), ..Owner::this_process() };
        let fields = owner.fields().into_iter().map(|(name, value)| (name.to_owned(), value));
        let read = Owner::from_fields(&fields.collect()).unwrap();
        assert_eq!(read, Owner { host: "b?cherei?1".into(), ..owner.clone() });
        assert!(read.to_string().contains(&owner.pid.to_string()));
        assert_eq!(Owner::from_fields(&BTreeMap::new()), None);
    }
}
