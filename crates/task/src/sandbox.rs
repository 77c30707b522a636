//! What a provider may reach: files, the network, resources.

use serde::{Deserialize, Serialize};

/// `sandbox { … }`: beyond what a program needs to start, only what is named here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// Files, and folders with all that is in them, that may be read and executed. Relative to the
    /// task file's folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// The same, to be read and written; not executed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
    /// Which sockets it may open. Default: none.
    #[serde(skip_serializing_if = "Connect::is_none")]
    pub connect: Connect,
    /// Bytes of address space for each of its processes. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_bytes: Option<u64>,
    /// Descriptors that each of its processes may have open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_open_files: Option<u64>,
    /// Processes and threads of the user that it runs as, those of other programs counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_processes: Option<u64>,
}

/// Which sockets may be opened: `true`, `false`, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Connect {
    /// All that its user may open, or none.
    All(bool),
    /// These.
    Only(Vec<Target>),
}

/// One entry of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// TCP, to this port of any machine.
    Port(u16),
    /// A word.
    Network(Network),
}

/// A kind of network that is opened as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// TCP to and from anywhere.
    Tcp,
    /// UDP to and from anywhere: what asking for a host's name needs.
    Udp,
    /// Unix sockets of this machine.
    Unix,
}

impl Connect {
    /// Whether nothing may be opened.
    pub fn is_none(&self) -> bool {
        match self {
            Self::All(all) => !all,
            Self::Only(targets) => targets.is_empty(),
        }
    }

    /// Whether sockets of this kind may be opened without further bounds.
    pub fn allows(&self, network: Network) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Only(targets) => targets.contains(&Target::Network(network)),
        }
    }

    /// The ports to which TCP is bounded. Empty where it is not bounded, or not allowed at all.
    pub fn ports(&self) -> Vec<u16> {
        if self.allows(Network::Tcp) {
            return Vec::new();
        }
        let Self::Only(targets) = self else { return Vec::new() };
        let port = |target: &Target| match target {
            Target::Port(port) => Some(*port),
            Target::Network(_) => None,
        };
        targets.iter().filter_map(port).collect()
    }
}

impl Default for Connect {
    fn default() -> Self {
        Self::All(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_in_a_task_file() {
        let json = r#"{"read":["data"],"connect":[5432,"udp"],"max_open_files":64}"#;
        let sandbox: Sandbox = serde_json::from_str(json).unwrap();
        assert_eq!(sandbox.connect.ports(), [5432]);
        assert!(sandbox.connect.allows(Network::Udp) && !sandbox.connect.allows(Network::Tcp));
        assert_eq!(serde_json::to_string(&sandbox).unwrap(), json);
    }

    #[test]
    fn nothing_may_be_opened_unless_it_is_said() {
        let none: Sandbox = serde_json::from_str("{}").unwrap();
        assert!(none.connect.is_none() && none.connect.ports().is_empty());
        for network in [Network::Tcp, Network::Udp, Network::Unix] {
            assert!(!none.connect.allows(network) && Connect::All(true).allows(network));
        }
    }

    #[test]
    fn a_port_says_nothing_where_tcp_is_open_as_a_whole() {
        let both = Connect::Only(vec![Target::Port(1), Target::Network(Network::Tcp)]);
        assert!(both.ports().is_empty() && both.allows(Network::Tcp));
    }
}
